"""Settings of the mask policy and of the passes. All lengths are in pixels of the original image."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Hex = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
MaskSource = Literal["file", "shared", "alpha", "colour", "boxes"]


class MaskSettings(BaseModel):
    """What counts as hole. The policy is data: it is applied to any mask before any pass sees it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    source: MaskSource = "file"
    """A file for each image, one file for all, the alpha channel, a key colour, or the boxes of a manifest."""
    orientation: Literal["auto", "viewer", "stored"] = "auto"
    """Whether masks and boxes lie over the image as a viewer turns it (by its EXIF orientation) or as it is stored.
    `auto` takes the one that fits, and refuses with MaskAmbiguous where both would and differ."""
    threshold: int = Field(128, ge=0, le=255)
    """`white`: luminance >= threshold is hole; `black`: luminance < threshold; alpha: below threshold."""
    polarity: Literal["white", "black"] = "white"
    """Which side of the threshold is hole."""
    dilate_px: int = Field(2, ge=0, le=256)
    """The hole grows by this Euclidean radius: masks drawn by hand or by a detector stop short of soft edges."""
    feather_px: int = Field(2, ge=0, le=256)
    """Width of the blend from known pixels to fill, inside the dilated ring; at most `dilate_px`."""
    on_missing: Literal["fail", "skip", "copy"] = "fail"
    """An image without a mask: a failed row, a skipped row without output, or a copy of the original."""
    ignore: bool = False
    """The mask counts as empty and the original is copied: an override for items that are to be left as they were."""
    colour: Hex = "#ff00ff"
    """The key colour of `source: colour`."""
    colour_tolerance: int = Field(8, ge=0, le=255)
    """Largest difference per 8-bit channel that still counts as the key colour."""

    @model_validator(mode="after")
    def _feather_inside_ring(self) -> Self:
        if self.feather_px > self.dilate_px:
            raise ValueError(f"feather_px ({self.feather_px}) must be at most dilate_px ({self.dilate_px})")
        return self


class FillSettings(BaseModel):
    """Which passes run, and what they see."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    passes: tuple[str, ...] = ("whole", "regions")
    """Tried in this order for each hole: the first that suits it fills it; the last one takes what none suits."""
    # 14 photographs with a hole of about 100 px: 2.0 and 2.5 give a hole PSNR of 17.06 and 17.03 dB, a feature distance of
    # 0.1207 and 0.1206; shown are 0.59 and 0.85 MP. Measured across the longest side it was 17.02, 0.1208 and 0.76 MP.
    context: float = Field(2.0, ge=1.0, le=16.0)
    """Side of the region over side of the hole, which is measured across its thickest part; at most 112 px on a side."""
    # 20 photographs with 10 specks of up to 5 px: 64, 96, 112, 128 px give 22.20, 22.20, 22.20, 22.24 dB and 0.0062, 0.0063,
    # 0.0062, 0.0062; scratches, lettering and tears 0.01 dB less at 96 than at 128 px for four fifths of the megapixels.
    min_region_px: int = Field(96, ge=32, le=2048)
    """Side of the region of a speck of 16 px; every hole has at least as much around it."""
    max_region_px: int = Field(512, ge=64, le=4096)
    """The longest side that the generator is shown; a larger region is shown scaled down. LaMa is good up to 512."""
    merge_px: int = Field(16, ge=0, le=512)
    """Components nearer than this are one hole."""
    refine_steps: int = Field(15, ge=0, le=1000)
    """Updates of the features at each scale that the pass `refine` makes (arXiv 2206.13644)."""
    patch_context: float = Field(1.0, ge=0.25, le=8.0)
    """How far around a hole the pass `patches` looks for texture, over the hole's longer side."""
    patch_context_px: int = Field(256, ge=32, le=1024)
    """And at most so far: memory is in proportion to the area looked at, about 250 MB for 256 px."""
    # 12 photographs with 4 strokes, against `regions`: 14 px thick feature distance 0.73 ×, hole PSNR -0.5 dB, and much
    # better to look at; 8 px 0.80 ×, -0.9 dB, and no better to look at.
    patch_min_px: int = Field(12, ge=0, le=4096)
    """`patches` suits holes that are at least as thick; what is thinner is a matter of continuing lines."""
    dither: bool = True
    """Round the fill to the steps of the file with noise of half a step, so that smooth parts do not band; never in a
    JPEG, whose encoder rounds anew."""

    @field_validator("passes")
    @classmethod
    def _known_passes(cls, passes: tuple[str, ...]) -> tuple[str, ...]:
        from tasks.fill.passes import PASSES

        unknown = [name for name in passes if name not in PASSES]
        if unknown or not passes or len(set(passes)) != len(passes):
            raise ValueError(f"a list, without repetition, of: {', '.join(PASSES)}")
        return passes
