"""Settings of a training run of the zoo: what all methods have in common. Each method adds its networks and losses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import yaml
from pydantic import Field

from models.training.loss_settings import Frozen
from models.training.settings import DataSettings, TrainingSettings

if TYPE_CHECKING:
    import torch

    from models.zoo.recipe import Recipe


class ZooData(DataSettings):
    """As for LaMa (`models.training.settings.DataSettings`), with crops down to 16 px.

    photos, held_out: also CIFAR-10's official archive (`cifar-10-python.tar.gz`) or its unpacked folder: `photos` are then
    its training batches, `held_out` its test batch. held_out_count crops are cut of the held-out photos, each with a mask
    of each of `held_out_masks`.
    """

    crop_px: int = Field(default=64, ge=16, multiple_of=8)


class ZooSettings(Frozen):
    """One run. `method` says of what; keys beside these are the method's own.

    steps, batch: length of the run, crops a step. max_minutes: ends the run earlier, counted over all its parts; nothing
    else depends on the clock. lr: of the networks that are exported. lr_drop: what learning rates are multiplied by every
    `lr_drop_epochs` epochs (an epoch has as many crops as there are photos; None: never). clip_norm: longest gradient
    (None: as long as it is). ema: memory of the averaged weights, which are what is exported; 0 exports the last ones.
    precision: `bf16` computes under autocast. threads: CPU threads (None: torch decides). log_steps: steps between two
    rows of the log. checkpoint_minutes, milestone_minutes: how often the state is saved; how often weights are exported,
    measured and looked at (both also at the end). export_name: name of the exported file.
    """

    method: str
    data: ZooData
    seed: int = Field(default=0, ge=0)
    steps: int = Field(ge=1)
    max_minutes: float | None = Field(default=None, gt=0)
    batch: int = Field(default=16, ge=1)
    lr: float = Field(default=2e-4, gt=0)
    lr_drop: float = Field(default=0.1, gt=0, le=1)
    lr_drop_epochs: float | None = Field(default=None, gt=0)
    clip_norm: float | None = Field(default=None, gt=0)
    ema: float = Field(default=0.0, ge=0, lt=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    device: str = "auto"
    threads: int | None = Field(default=None, ge=1)
    log_steps: int = Field(default=50, ge=1)
    checkpoint_minutes: float = Field(default=2.0, ge=0)
    milestone_minutes: float = Field(default=10.0, ge=0)
    export_name: str = Field(default="zoo", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")

    def recipe(self, device: torch.device) -> Recipe:
        """The method's networks, seeded by `seed`, and its steps."""
        raise NotImplementedError(f"{self.method} cannot be trained")


def read_any_settings(path: Path) -> TrainingSettings | ZooSettings:
    """Settings of LaMa, or of the method that the file names as `method`.

    Raises ValueError (pydantic's message names the key; its model is `settings_class` of the file), FileNotFoundError,
    yaml.YAMLError.
    """
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    return _class_of(tree).model_validate(tree)


def settings_class(path: Path) -> type[TrainingSettings] | type[ZooSettings]:
    """The class that a file's settings have. Raises as `read_any_settings`."""
    return _class_of(yaml.safe_load(path.read_text(encoding="utf-8")))


def _class_of(tree: object) -> type[TrainingSettings] | type[ZooSettings]:
    from models.zoo.registry import training_of

    method = tree.get("method", "lama") if isinstance(tree, dict) else "lama"
    return TrainingSettings if method == "lama" else training_of(str(method))
