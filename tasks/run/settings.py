"""Settings of how a run is carried out, what bounds it, and the part of the tree that decides pixels."""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from models.settings import ModelSettings
from tasks.correct.settings import CorrectSettings
from tasks.fill.settings import FillSettings, MaskSettings
from tasks.judge.settings import JudgeSettings
from tasks.store.settings import OutputSettings

Auto = Literal["auto"]


class RuntimeSettings(BaseModel):
    """Where and how wide the work runs. Nothing here changes a pixel, except `threads` in the last bit."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    shard_items: Auto | Annotated[int, Field(ge=1, le=10_000)] = "auto"
    """Most items in a shard. `auto`: four shards for each restorer, at most 250 items each."""
    shard_mp: float = Field(256, gt=0)
    """Most megapixels in a shard; a listing tells bytes, taken as one per pixel."""
    actors: Auto | Annotated[int, Field(ge=1, le=10_000)] = "auto"
    """Restorers. `auto`: one for each `threads` CPUs without a GPU; with GPUs four for each generator, if CPUs allow; more as
    nodes come in, fewer as work runs out, within `min_actors` and `max_actors`."""
    min_actors: int = Field(1, ge=1, le=10_000)
    """With `actors: auto`: so many are asked for, room or not, while there is a shard for each. An autoscaler makes room."""
    max_actors: Auto | Annotated[int, Field(ge=1, le=10_000)] = "auto"
    """With `actors: auto`: at most so many. `auto`: what the cluster has room for. A number is asked for beyond that room, one
    for every two shards left: what waits for room makes an autoscaler add nodes."""
    threads: Auto | Annotated[int, Field(ge=1, le=256)] = "auto"
    """Threads of the generator in one restorer (or generator actor). `auto`: 1."""
    generators: Auto | Annotated[int, Field(ge=0, le=10_000)] = "auto"
    """Actors that hold the weights on a GPU. `auto`: as many as the cluster's GPUs hold; 0: each restorer runs its own."""
    gpus_per_actor: float = Field(1.0, gt=0, le=64)
    """GPUs of one generator: a fraction shares one; above 1 a whole number."""
    wait_for_gpus: bool = False
    """Generators hold GPUs also where the cluster has none yet, and wait for them: for one that starts GPU nodes on demand."""
    hourly_price: float | None = Field(None, ge=0)
    """What an hour of all machines of the run costs, in any currency: `lacuna plan` says the price of the work."""
    inflight_mp: float = Field(64, gt=0)
    """Megapixels that a restorer holds decoded at once; one larger image is held alone."""

    @field_validator("gpus_per_actor")
    @classmethod
    def _whole_or_shared(cls, gpus: float) -> float:
        if gpus > 1 and not gpus.is_integer():
            raise ValueError("a fraction up to 1, or a whole number of GPUs")
        return gpus

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_actors != "auto" and self.max_actors < self.min_actors:
            raise ValueError(f"max_actors: at least min_actors = {self.min_actors}")
        return self


class LimitSettings(BaseModel):
    """What a run may spend, on an item and in all."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_mp: float = Field(200, gt=0)
    """An image or mask of more megapixels is refused from its header: ImageTooLarge, MaskUnreadable."""
    item_timeout_s: float = Field(600, gt=0)
    """Longest work on one item, waiting for others not counted."""
    max_attempts: int = Field(3, ge=1, le=100)
    """How often a process may die over an item before the item is `WorkerDied`."""
    max_failed_fraction: float = Field(0.0, ge=0, le=1)
    """More failed items than this share of all rows: exit code 3."""
    max_hours: float | None = Field(None, gt=0)
    """At this age a run hands out no more shards, finishes those in hand and stops, resumable."""


class ItemSettings(BaseModel):
    """The part of the tree that decides pixels; an item's `override` changes it for that item."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mask: MaskSettings = MaskSettings()
    model: ModelSettings = ModelSettings()
    fill: FillSettings = FillSettings()
    correct: CorrectSettings = CorrectSettings()
    judge: JudgeSettings = JudgeSettings()
    output: OutputSettings = OutputSettings()

    def overridden(self, override: str | None) -> Self:
        """With an item's `override` (JSON of nested or dotted keys) laid over.

        Raises pydantic.ValidationError, and ValueError for `model`: a run has one generator.
        """
        if override is None:
            return self
        tree = self.model_dump(mode="json")
        lay_over(tree, json.loads(override))
        changed = type(self).model_validate(tree)
        if changed.model != self.model:
            raise ValueError("model: an item's override cannot change the generator; make it a run of its own")
        if changed.output.on_change != self.output.on_change:
            raise ValueError("output.on_change: it is decided for a run, not for an item")
        return changed

    def sha256(self) -> str:
        """Digest of what decides pixels, for the column `settings_sha256`."""
        tree = self.model_dump(mode="json", exclude={"output": {"on_change", "pictures", "sidecar"}})
        return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def lay_over(tree: dict[str, Any], changes: dict[str, Any]) -> None:
    """Merge `changes` into `tree`, in place. Keys may be dotted: `{"mask.dilate_px": 5}` is `{"mask": {"dilate_px": 5}}`."""
    for key, value in changes.items():
        head, _, rest = str(key).partition(".")
        if rest:
            lay_over(tree, {head: {rest: value}})
        elif isinstance(value, dict) and isinstance(tree.get(head), dict):
            lay_over(tree[head], value)
        else:
            tree[head] = value
