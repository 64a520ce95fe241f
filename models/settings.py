"""Settings of the generator: the `model` branch of the settings tree."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["auto", "fp32", "bf16"]


class ModelSettings(BaseModel):
    """Which generator fills, and how it computes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(default="lama-small", min_length=1)
    """A generator that is embedded or imported, or the path of a `.safetensors` file."""
    precision: Precision = "auto"
    """`auto` takes bf16 where the hardware computes in it, else fp32; the spectral unit is always fp32."""
    batch_mp: Literal["auto"] | Annotated[float, Field(ge=0, allow_inf_nan=False)] = "auto"
    """Most megapixels in one batch (at least one crop); `auto` lets the device decide, 0 means one crop."""
