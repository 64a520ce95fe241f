"""Settings of a training run: one YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkSettings(_Frozen):
    """Shape of the generator, see `models.lama.LamaConfig`; `start` names weights of that shape to go on from.

    `up_kernel: 4` may start from weights with 3: the kernels are widened with zeros, which changes nothing at first.
    """

    start: str | None = None
    ngf: int = Field(default=32, ge=1)
    n_downsampling: int = Field(default=3, ge=1)
    n_blocks: int = Field(default=6, ge=0)
    ratio: float = Field(default=0.75, ge=0, lt=1)
    up_kernel: Literal[3, 4] = 4


class DataSettings(_Frozen):
    """Photos: a folder (searched recursively), one image file or one Parquet file with encoded images.

    photos: trained on. held_out: never trained on, measured at each milestone (None: no measuring).
    crop_px: side of the square crops. scale_min, scale_max: range of the random scale; the crop always fits.
    """

    photos: Path
    held_out: Path | None = None
    held_out_count: int = Field(default=16, ge=1)
    column: str = "webp"
    crop_px: int = Field(default=128, ge=48, multiple_of=8)  # below, nothing is left for conv5_1
    scale_min: float = Field(default=0.5, gt=0)
    scale_max: float = Field(default=1.0, gt=0)
    max_masked: float = Field(default=0.6, gt=0, lt=1)

    @model_validator(mode="after")
    def _ordered(self) -> DataSettings:
        if self.scale_min > self.scale_max:
            raise ValueError("scale_min is above scale_max")
        return self


class LossSettings(_Frozen):
    """Weights of the losses. `encoder` is a VGG19 encoder in safetensors; without it the last two must be 0."""

    l1_hole: float = Field(default=4.0, ge=0)
    l1_known: float = Field(default=2.0, ge=0)
    gradient: float = Field(default=0.0, ge=0)
    perceptual: float = Field(default=0.0, ge=0)
    style: float = Field(default=0.0, ge=0)
    encoder: Path | None = None

    @model_validator(mode="after")
    def _has_encoder(self) -> LossSettings:
        if (self.perceptual or self.style) and self.encoder is None:
            raise ValueError("perceptual and style losses need `encoder`")
        return self


class TrainingSettings(_Frozen):
    """One run. The learning rate rises over `warmup_steps` and falls as a cosine to zero.

    steps: length of the run. max_minutes: ends it earlier, counted over all its parts; the cosine then follows the
    clock, so that such a run cannot be repeated bit for bit. precision: `bf16` computes under autocast with the
    spectral units in fp32. threads: CPU threads (None: torch decides). checkpoint_minutes, milestone_minutes: how often
    the state is saved; how often weights are exported, measured and looked at (both also at the end).
    """

    network: NetworkSettings = NetworkSettings()
    data: DataSettings
    loss: LossSettings = LossSettings()
    seed: int = Field(default=0, ge=0)
    steps: int = Field(ge=1)
    max_minutes: float | None = Field(default=None, gt=0)
    batch: int = Field(default=12, ge=1)
    lr: float = Field(default=3e-4, gt=0)
    warmup_steps: int = Field(default=50, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
    ema: float = Field(default=0.998, ge=0, lt=1)
    precision: Literal["fp32", "bf16"] = "bf16"
    device: str = "auto"
    threads: int | None = Field(default=None, ge=1)
    checkpoint_minutes: float = Field(default=2.0, ge=0)
    milestone_minutes: float = Field(default=10.0, ge=0)
    export_name: str = Field(default="lama-small", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


def read_settings(path: Path) -> TrainingSettings:
    """Read and check a YAML file. Raises ValueError (pydantic's message names the key), FileNotFoundError."""
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    return TrainingSettings.model_validate(tree)
