"""Settings of the corrections. Colours are in [0, 1], lengths in pixels of the original image."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# Named weights of the energy, as the report on combining LaMa with optimal transport shows them.
WEIGHTS: dict[str, dict[str, float]] = {
    "light": {"fidelity": 0.01, "structure": 0.005, "variation": 0.0, "transport": 1.0},
    "even": {"fidelity": 0.1, "structure": 0.1, "variation": 0.1, "transport": 0.1},
    "strict": {"fidelity": 0.5, "structure": 0.5, "variation": 0.5, "transport": 100.0},
}


class BlockMatchingSettings(BaseModel):
    """Blocks of the fill are replaced by known blocks like them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    block_px: int = Field(24, ge=4, le=128)
    """Side of a block: about twice the size of what the texture is made of."""
    candidates: int = Field(12, ge=1, le=64)
    """Known blocks that are weighed for each block of the hole."""
    histogram: float = Field(0.1, gt=0, le=1)
    """Gate: how far, on average, the values of a channel may have to move to become those of the known block."""
    distance: float = Field(0.1, ge=0, le=10)
    """Cost of a known block at the edge of what is searched, in units of normalised correlation."""
    coherence: float = Field(0.5, ge=0, le=10)
    """Cost, at most, of neighbouring blocks that do not fit together where they overlap, in the same units."""
    kept: float = Field(1.0, ge=0, le=2)
    """Cost of leaving a block as it is: where no known block is better, nothing is replaced."""
    guided_px: float = Field(12, gt=0, le=512)
    """What is coarser than this keeps the fill's colours; finer, the known block's gradients count."""
    context: float = Field(1.5, ge=0, le=8)
    """How far around a hole is searched, in roots of its area; at least 64 and at most 384 px."""


class ColourTransferSettings(BaseModel):
    """The fill's colours are moved to those of a known reference (sliced Wasserstein), regularised."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    fidelity: float = Field(0.01, ge=0, le=1000)
    """λ_L: stay near the fill."""
    structure: float = Field(0.0005, ge=0, le=1000)
    """λ_LS: keep the direction of the fill's gradients. Much of it makes a fill harsh."""
    variation: float = Field(0.0, ge=0, le=1000)
    """λ_R: total variation."""
    transport: float = Field(1.0, ge=0, le=1000)
    """λ_S: colours as in the reference."""
    boundary: float = Field(1.0, ge=0, le=1000)
    """λ_B: meet the surroundings at the frontier."""
    boundary_px: float = Field(6, gt=0, le=256)
    """How deep into the hole that is asked for: it falls by e over this length."""
    reference: Literal["matched", "ring"] = "matched"
    """What is known and like the fill (`block_matching` finds it), or all that is near the hole."""
    gain: float = Field(1.25, ge=1, le=16)
    """How much more colours may be spread than the fill's: a plain fill is shifted, not made busy."""
    trust: float = Field(0.0, ge=0, le=1)
    """Of the colours' mean: 1 is the reference's, 0 what the fill has when it meets its surroundings."""
    evidence: float = Field(0.5, ge=0, le=16)
    """Gate: how far, in deviations of what differs at the frontier, the fill must be off. 0: always."""
    directions: int = Field(24, ge=3, le=512)
    """Of the slices."""
    samples: int = Field(4096, ge=64, le=1_000_000)
    """Colours, at most, that stand for the fill and for the reference."""
    iterations: int = Field(12, ge=1, le=1000)
    """At most; it ends earlier when the energy does."""
    seed: int = Field(0, ge=0)
    """Of the directions and of the samples."""

    def weighted(self, name: str) -> Self:
        """These settings with the report's weights by name: `light`, `even`, `strict`. Raises KeyError."""
        return self.model_copy(update=dict[str, Any](WEIGHTS[name]))


class GrainSettings(BaseModel):
    """The noise of the surroundings is drawn anew in the hole, as far as the fill lacks it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    least: float = Field(0.002, ge=0, le=1)
    """Standard deviation below which noise is not seen, and nothing is added (half a step of 8 bits)."""
    most: float = Field(0.06, gt=0, le=1)
    """What is stronger is taken for texture."""
    seed: int = Field(0, ge=0)
    """Of the sample that is drawn; it also depends on the hole's place."""


class TextureSettings(BaseModel):
    """The fill is optimised until features of a network have the statistics of a known texture."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    network: str = "filters"
    """`filters` (fixed, oriented, three scales), `generator` (the encoder of lama-small; `generator:NAME` of another), or
    `vgg19`, `vgg19-torchvision`, `package.module:function`, which need `weights`."""
    weights: Path | None = None
    """File of the network."""
    statistic: Literal["sliced", "gram"] = "sliced"
    """Sliced Wasserstein distance of features, or difference of their Gram matrices."""
    exemplar: Literal["matched", "ring"] = "matched"
    """What is known and like the fill (`block_matching` finds it), or all that is near the hole."""
    method: Literal["descent", "automaton"] = "descent"
    """`descent` moves the pixels themselves; `automaton` trains a neural cellular automaton for the exemplar, which grows them:
    much slower."""
    start: Literal["fill", "noise", "mean"] = "fill"
    """From where it is optimised: the fill, noise, or the fill's mean colour."""
    lacking: float = Field(0.6, ge=0)
    """Gate: nothing is done to a fill whose mean gradient is more than so much of its surroundings'."""
    guide: float = Field(1.0, ge=0, le=1000)
    """Keep the fill's coarse colours."""
    guided_px: float = Field(16, ge=2, le=512)
    """What is coarser than this is kept."""
    border: float = Field(0.02, ge=0, le=1000)
    """No steps at the frontier."""
    spectrum: float = Field(0.0, ge=0, le=1000)
    """Power at every frequency as in what is known, for periodic textures; 0: does not count."""
    directions: int = Field(16, ge=1, le=512)
    """Of the slices, besides one for each channel."""
    iterations: int = Field(40, ge=1, le=10_000)
    """At most; it ends earlier when the energy does."""
    training: int = Field(300, ge=1, le=100_000)
    """Steps of training of an automaton."""
    enough: float = Field(0.002, ge=0, le=1)
    """Relative gain of a step, lately, below which it ends."""
    most_mp: float = Field(1.0, gt=0, le=100)
    """Megapixels of a hole above which nothing is done: memory and time grow with them."""
    seed: int = Field(0, ge=0)
    """Of the directions, of the noise, and of what stands for the ring."""

    @model_validator(mode="after")
    def _has_a_file(self) -> Self:
        if self.weights is None and self.network.partition(":")[0] not in ("filters", "generator"):
            raise ValueError(f"the feature network {self.network!r} needs its file in `weights`")
        return self


class CorrectSettings(BaseModel):
    """Which corrections are made to a fill."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    steps: tuple[str, ...] = ()
    """Made to every fill, in this order; none by default."""
    block_matching: BlockMatchingSettings = BlockMatchingSettings()
    colour_transfer: ColourTransferSettings = ColourTransferSettings()
    texture: TextureSettings = TextureSettings()
    grain: GrainSettings = GrainSettings()

    @field_validator("steps")
    @classmethod
    def _known_steps(cls, steps: tuple[str, ...]) -> tuple[str, ...]:
        from tasks.correct.corrections import CORRECTIONS

        if any(name not in CORRECTIONS for name in steps) or len(set(steps)) != len(steps):
            raise ValueError(f"a list, without repetition, of: {', '.join(CORRECTIONS)}")
        return steps
