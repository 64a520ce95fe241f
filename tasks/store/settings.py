"""Settings of what is written."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class OutputSettings(BaseModel):
    """How a filled image is written, and what becomes of results that an earlier run committed otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    on_change: Literal["refuse", "redo", "keep"] = "refuse"
    """`refuse` to mix them, `redo` the items made otherwise, or `keep` them as they are and do only what is left."""
    jpeg_splice: bool = True
    """JPEG blocks that the dilated mask does not touch keep their coefficients; `false` encodes the picture anew."""
    pictures: bool = True
    """Write a thumbnail and one hole before and after for the report: two small JPEGs an item."""
    sidecar: bool = False
    """Write `sidecars/<output>.json` too: what was done to each hole, and what `lacuna revert` needs to undo it."""
    webp_quality: int | None = Field(None, ge=1, le=100)
    """A lossy WebP comes back lossless, so that known pixels stay; a number writes it lossy at this quality instead."""
