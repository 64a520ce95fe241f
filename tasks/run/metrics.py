"""What a run tells Prometheus, through the metrics that every Ray node exports. Ray puts `ray_` before each name.

Counters live in the process that does the work and are summed over processes by the query: `sum(rate(...))`. Outside Ray they
do nothing. A node exports them when `ray[default]` is installed on it (the extra `cluster`).
"""

import functools
from typing import Any

import ray
from ray.util.metrics import Counter, Gauge

from tasks.run.job import Outcome

STEPS = ("load", "fill", "correct", "measure", "save")

# name -> (what it counts, labels); Ray adds `_total` to the names of counters
COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "lacuna_items": ("items finished, by how they ended", ("status",)),
    "lacuna_failures": ("items that failed, by type of failure", ("error",)),
    "lacuna_megapixels": ("megapixels of finished images", ()),
    "lacuna_holes": ("holes filled", ()),
    "lacuna_step_seconds": ("seconds of restorers in each step of an item", ("step",)),
    "lacuna_generator_busy_seconds": ("seconds in which a generator computed", ("device",)),
    "lacuna_shards_committed": ("shards committed", ()),
}
GAUGES = {
    "lacuna_items_left": "items of the run that are not finished: the depth of its queue",
    "lacuna_shards_left": "shards of the run that are not committed",
}


@functools.cache
def _counter(name: str) -> Counter:
    about, labels = COUNTERS[name]
    return Counter(name, description=about, tag_keys=labels)


@functools.cache
def _gauge(name: str) -> Gauge:
    return Gauge(name, description=GAUGES[name])


def count(name: str, amount: float = 1.0, **labels: str) -> None:
    """Add to a counter of COUNTERS; nothing, or outside Ray, changes nothing."""
    if amount > 0 and ray.is_initialized():
        _counter(name).inc(amount, labels)


def gauge(name: str, value: float) -> None:
    """Set a gauge of GAUGES."""
    if ray.is_initialized():
        _gauge(name).set(value)


def count_item(outcome: Outcome) -> None:
    """An item is finished: how it ended, its size, and where its time went."""
    row: dict[str, Any] = outcome.row
    count("lacuna_items", status=row["status"])
    if row["status"] == "failed":
        count("lacuna_failures", error=row["error"])
    count("lacuna_megapixels", outcome.megapixels)
    count("lacuna_holes", len(outcome.holes))
    for step in STEPS:
        count("lacuna_step_seconds", row.get(f"{step}_s") or 0.0, step=step)


class RunMeter:
    """The driver's part: what is left of a run of so many items and shards. Use as a context manager: it ends at zero."""

    def __init__(self, items: int, shards: int) -> None:
        self._items, self._shards = items, shards

    def __enter__(self) -> "RunMeter":
        gauge("lacuna_items_left", self._items)
        gauge("lacuna_shards_left", self._shards)
        return self

    def __exit__(self, *ended: object) -> None:
        for name in GAUGES:
            gauge(name, 0)

    def committed(self) -> None:
        """A shard is committed."""
        self._shards -= 1
        count("lacuna_shards_committed")
        gauge("lacuna_shards_left", self._shards)

    def finished(self, items: int) -> None:
        """So many items of the run are finished by now."""
        gauge("lacuna_items_left", max(0, self._items - items))
