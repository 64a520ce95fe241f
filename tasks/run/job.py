"""What every restorer of a run is told: plain, frozen, picklable."""

from dataclasses import dataclass, field, fields
from typing import Any, Self

from tasks.publish.schema import Row
from tasks.run.settings import ItemSettings, LimitSettings, RuntimeSettings


@dataclass(frozen=True)
class Job:
    """One run: where results go and all settings that restorers need."""

    run_id: str
    sink: str
    recipe: str
    items: ItemSettings
    limits: LimitSettings
    runtime: RuntimeSettings
    code_version: str


@dataclass(frozen=True)
class ItemSpec:
    """One item as the catalog found it; `error` is a refusal that was known before anything was read."""

    item_id: str
    image: str  # full URL
    masks: tuple[str, ...]  # full URLs; several are united
    boxes: str | None  # JSON [[x, y, w, h], …], pixels
    output: str  # relative to SINK/images
    override: str | None  # JSON, laid over the item settings
    image_version: str | None
    mask_version: str | None
    error: str | None = None
    message: str | None = None
    attempts: int = 0  # how often a process died over it so far

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """From a row of the plan table."""
        known = {f.name for f in fields(cls)} & row.keys()
        return cls(**{**{k: row[k] for k in known}, "masks": tuple(row["masks"] or ())})


@dataclass(frozen=True)
class Outcome:
    """What came of one item: its row and the rows of its holes."""

    row: Row
    holes: tuple[Row, ...] = ()
    megapixels: float = 0.0


@dataclass(frozen=True)
class ShardWork:
    """What is to be done of one shard, and what earlier attempts of this run have done of it already."""

    shard_id: str
    items: tuple[ItemSpec, ...]
    outcomes: tuple[Outcome, ...] = ()
    alone: frozenset[str] = field(default_factory=frozenset)  # item_ids suspected of killing a process: one at a time


@dataclass(frozen=True)
class ShardDone:
    """A committed shard, as the driver counts it."""

    shard_id: str
    commit_id: str
    statuses: dict[str, int]
    errors: dict[str, int]
    megapixels: float
    holes: int
