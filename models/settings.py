"""Settings of the generator: the `model` branch of the settings tree."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["auto", "fp32", "bf16"]


class ModelSettings(BaseModel):
    """Which generator fills, and how it computes.

    name: a generator that is embedded or imported, or the path of a `.safetensors` file.
    precision: `auto` takes bf16 where the hardware computes in it, else fp32; the spectral unit is always fp32.
    batch_mp: most megapixels in one batch (at least one crop); `auto` lets the device decide, 0 means one crop.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="lama-small", min_length=1)
    precision: Precision = "auto"
    batch_mp: Literal["auto"] | Annotated[float, Field(ge=0, allow_inf_nan=False)] = "auto"
