"""Settings of a training run: one YAML file. Losses and what goes with them are in `loss_settings`.

The defaults of the losses are LaMa's (arXiv 2109.07161); `lama.yaml` beside this file shows them written out,
`lama_small.yaml` is what a small generator is trained with on a CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, model_validator

from models.training.loss_settings import (
    AdversarialSettings,
    DistilSettings,
    Frozen,
    LossSettings,
    MultiscaleSettings,
)
from models.training.masks import Kind


class NetworkSettings(Frozen):
    """Shape of the generator, see `models.lama.LamaConfig`; `start` names weights of that shape to go on from.

    `up_kernel: 4` may start from weights with 3, and `skip: true` from weights without: what is new are zeros, which
    change nothing at first. skip_lr: what the learning rate is multiplied by for the skips' convolutions, which have the
    longer way to go when they start from zeros. `noise: true` may start from weights without, too: a little is added.
    """

    start: str | None = None
    ngf: int = Field(default=32, ge=1)
    n_downsampling: int = Field(default=3, ge=1)
    n_blocks: int = Field(default=6, ge=0)
    ratio: float = Field(default=0.75, ge=0, lt=1)
    up_kernel: Literal[3, 4] = 4
    blocks: Literal["ffc", "regular"] = "ffc"
    spectral: tuple[Literal["l2l", "l2g", "g2l", "g2g"], ...] = ("g2g",)
    skip: bool = False
    skip_lr: float = Field(default=1.0, gt=0)
    noise: bool = False


class DataSettings(Frozen):
    """Photos, crops of them, and the holes that are made in the crops.

    photos: what is trained on: a folder (searched recursively), a glob, an image, a manifest (`.csv`, `.jsonl` or
    Parquet with a column `image` of paths or URLs, relative ones to the manifest's folder) or Parquet with encoded
    images in `column`; a local path or any fsspec URL. held_out: likewise, never trained on, measured at each milestone
    (None: no measuring); held_out_masks: the kinds of holes that are measured.
    crop_px: side of the square crops. scale_min, scale_max: range of the random scale; the crop always fits. masks:
    kinds of holes and their weights, see `models.training.masks`; at most `max_masked` of a crop is covered.
    """

    photos: str
    held_out: str | None = None
    held_out_count: int = Field(default=16, ge=1)
    held_out_masks: tuple[Kind, ...] = ("medium", "scratches")
    column: str = "webp"
    crop_px: int = Field(default=128, ge=48, multiple_of=8)  # below, nothing is left for conv5_1
    scale_min: float = Field(default=0.5, gt=0)
    scale_max: float = Field(default=1.0, gt=0)
    masks: Mapping[Kind, Annotated[float, Field(ge=0)]] = {"strokes": 1.0, "boxes": 1.0}
    max_masked: float = Field(default=0.6, gt=0, lt=1)
    loaders: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _paths(cls, tree: object) -> object:
        """Paths may be given as `pathlib.Path`."""
        if not isinstance(tree, dict):
            return tree
        return {key: str(value) if isinstance(value, Path) else value for key, value in tree.items()}

    @model_validator(mode="after")
    def _possible(self) -> DataSettings:
        if not sum(self.masks.values()) > 0:
            raise ValueError("no kind of mask has a weight above 0")
        if self.scale_min > self.scale_max:
            raise ValueError("scale_min is above scale_max")
        return self


class WorkerSettings(Frozen):
    """Processes that train together, each on its own batch; gradients are averaged at every step.

    count: how many. cpus, gpus: what each has. They need `lacuna train`, which starts them with Ray Train (the address
    in RAY_ADDRESS, else this machine), or `torchrun -m models.training`, which wants no setting. On several machines
    `--out` is a folder that all of them see.
    """

    count: int = Field(default=1, ge=1)
    cpus: float = Field(default=1, gt=0)
    gpus: float = Field(default=0, ge=0)


class TrainingSettings(Frozen):
    """One run. The learning rate rises over `warmup_steps` and falls as a cosine to zero.

    method: other methods have other settings, see `models.zoo.settings`.
    steps: length of the run. max_minutes: ends it earlier, counted over all its parts; the cosine then follows the
    clock, so that such a run cannot be repeated bit for bit. batch: crops a step (of each worker). lr: of the
    generator. clip_norm: longest gradient. ema: memory of the averaged weights, which are what is exported.
    precision: `bf16` computes under autocast with the spectral units in fp32. device: `auto`, `cpu`, `cuda`, `cuda:1`.
    threads: CPU threads (None: torch decides). log_steps: steps between two rows of the log. checkpoint_minutes,
    milestone_minutes: how often the state is saved; how often weights are exported, measured and looked at (both also
    at the end). export_name: name of the exported file.
    adversarial, multiscale, distil: null leaves them out.
    """

    network: NetworkSettings = NetworkSettings()
    data: DataSettings
    loss: LossSettings
    adversarial: AdversarialSettings | None = AdversarialSettings()
    multiscale: MultiscaleSettings | None = None
    distil: DistilSettings | None = None
    workers: WorkerSettings = WorkerSettings()
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
    log_steps: int = Field(default=50, ge=1)
    checkpoint_minutes: float = Field(default=2.0, ge=0)
    milestone_minutes: float = Field(default=10.0, ge=0)
    export_name: str = Field(default="lama-small", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    method: Literal["lama"] = "lama"

    @model_validator(mode="after")
    def _fits(self) -> TrainingSettings:
        if self.distil is not None and self.distil.perceptual and self.loss.encoder is None:
            raise ValueError("distil.perceptual needs `loss.encoder`")
        if self.data.crop_px % 2**self.network.n_downsampling:
            raise ValueError(f"data.crop_px must be a multiple of {2**self.network.n_downsampling}, for the generator")
        if self.multiscale is not None:
            smallest = min(self.multiscale.scales) * self.data.crop_px
            if smallest < 2 ** (self.network.n_downsampling + 2):
                raise ValueError(f"multiscale.scales: {smallest:g} px is too small for the generator")
        return self


def read_settings(path: Path) -> TrainingSettings:
    """Read and check a YAML file. Raises ValueError (pydantic's message names the key), FileNotFoundError."""
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    return TrainingSettings.model_validate(tree)
