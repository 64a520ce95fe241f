"""What a sink knows of its items: plan and result rows, from the index as far as it still holds, and from what came since."""

import bisect
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tasks.catalog.plan_file import current, plan_versions, read_plan
from tasks.errors import StorageDenied, StorageUnavailable
from tasks.publish.commit import RESULTS, read_results
from tasks.run.index import ROW_COLUMNS, Covers, Index, read_index, write_index
from tasks.store.objects import Store

log = logging.getLogger("lacuna.index")

# The index is made anew once more shards than these, and more than this share of those it covers, are not in it as they are
# now: a few are read sooner than the whole is written. A small sink has none.
ANEW_SHARDS, ANEW_SHARE = 64, 0.05
# Shards whose rows are in memory at once while it is made.
BATCH_SHARDS = 2_000


@dataclass(frozen=True)
class Range:
    """Items from behind the range before this one up to `last` (None: to the end): plan, rows."""

    last: str | None
    plan: pa.Table  # PLAN_SCHEMA
    rows: pa.Table  # ROW_SCHEMA


@dataclass(frozen=True)
class Known:
    """A sink as it was listed. Memory: what the index does not cover, and one group of it at a time."""

    store: Store
    listed: Covers  # what the sink had
    index: Index | None
    stale: frozenset[str]  # shards of which the index does not say any more what is so
    plan: pa.Table  # of plan files that the index does not cover, in their order
    rows: pa.Table  # of shards that it does not cover

    @property
    def seen(self) -> int:
        """Number of the last plan file that is in here."""
        return max(self.listed.plan, default=0)

    @property
    def held(self) -> frozenset[str]:
        """Shards whose rows come from the index; all others were read."""
        return frozenset(self.index.covers.shards) - self.stale if self.index else frozenset()

    @property
    def outdated(self) -> int:
        """How many shards the index does not know, or not as they are."""
        return len(self.listed.shards.keys() - self.held) + len(self.stale - self.listed.shards.keys())

    def ranges(self) -> Iterator[Range]:
        """Everything, each item in one range, in the order of item_id; without an index one range of all."""
        if self.index is None:
            yield Range(None, self.plan, self.rows)
            return
        plan, rows = _Sorted(self.plan), _Sorted(self.rows)
        stale = pa.array(sorted(self.stale), pa.string())
        for number in range(self.index.groups):
            last, planned, done = self.index.group(number)
            until = last if number + 1 < self.index.groups else None
            done = done.filter(pc.invert(pc.is_in(done["shard_id"], value_set=stale)))
            newer, fresh = plan.up_to(until), rows.up_to(until)
            if newer.num_rows:
                planned = current(pa.concat_tables([planned, newer]))
            if fresh.num_rows:
                # As all shards are read without an index: the first row of an item that has two by accident is that one then.
                done = pa.concat_tables([done, fresh]).sort_by("shard_id")
            yield Range(until, planned, done)


class _Sorted:
    """A table in the order of item_id, taken range by range; an item's rows keep their order."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table.take(pc.sort_indices(table["item_id"]))
        self._ids: list[str] = self._table["item_id"].to_pylist()
        self._at = 0

    def up_to(self, last: str | None) -> pa.Table:
        """What has not been taken yet and is not behind `last`."""
        start = self._at
        self._at = len(self._ids) if last is None else bisect.bisect_right(self._ids, last, start)
        return self._table.slice(start, self._at - start)


def look(store: Store, most: int | None = None) -> Known:
    """List the sink, and read of it what the index does not cover. Raises as `read_plan` and `read_results` do.

    most: read no more shards than these; the others' rows are then not known.

    The index is believed of a results file that is listed with the version of which the index was made, and of the plan only
    as a whole: a plan file that was taken away or exchanged could have said anything of any item.
    """
    index = _index(store)
    plans = plan_versions(store)
    if index is not None:
        covered = max(index.covers.plan, default=0)
        if {number: version for number, version in plans.items() if number <= covered} != index.covers.plan:
            log.warning("%s: plan files have changed: every shard is read instead of the index", store.root)
            index = None
    plan = read_plan(store, after=max(index.covers.plan, default=0) if index else 0)
    shards = _shard_versions(store)
    made_of = index.covers.shards if index else {}
    held = {shard for shard, version in made_of.items() if shards.get(shard) == version}
    rows = read_results(store, sorted(shards.keys() - held)[:most], ROW_COLUMNS)
    return Known(store, Covers(plans, shards), index, frozenset(made_of.keys() - held), plan, rows)


def committed_rows(store: Store, columns: Sequence[str]) -> pa.Table:
    """These columns (of ROW_COLUMNS) of all result rows, by item_id where there is an index."""
    return pa.concat_tables([each.rows.select(list(columns)) for each in look(store).ranges()])


def refresh_index(store: Store) -> bool:
    """Write the index anew where too much has come since; whether it was written.

    Safe next to any number of runs: a file counts as covered when it had the same version before and after it was read. What
    storage does to a cache is a warning. Raises UsageError where a plan or results file is damaged.
    """
    outdated = None
    try:
        while True:
            known = look(store, BATCH_SHARDS)
            few = known.outdated <= max(ANEW_SHARDS, ANEW_SHARE * len(known.held))
            if few or (outdated is not None and known.outdated >= outdated) or not _write(known):
                return outdated is not None
            outdated = known.outdated
    except (StorageDenied, StorageUnavailable) as error:
        log.warning("the index is not written, so the next run reads every shard: %s", error)
        return False


def _write(known: Known) -> bool:
    covers = _covered(known, Covers(plan_versions(known.store), _shard_versions(known.store)))
    if covers is None:
        return False
    shards = pa.array(sorted(covers.shards), pa.string())
    parts = (
        (each.plan, each.rows.filter(pc.is_in(each.rows["shard_id"], value_set=shards))) for each in known.ranges()
    )
    return write_index(known.store, covers, parts)


def _covered(known: Known, now: Covers) -> Covers | None:
    """What an index of `known` may say that it covers; None where the plan has changed, or the store does not tell."""
    plan = known.listed.plan
    if "" in plan.values() or plan != {number: now.plan.get(number) for number in plan}:
        return None
    there = known.held | set(pc.unique(known.rows["shard_id"]).to_pylist())
    shards = {s: v for s, v in known.listed.shards.items() if v and s in there and now.shards.get(s) == v}
    return Covers(plan, shards)


def _index(store: Store) -> Index | None:
    try:
        return read_index(store)
    except (StorageDenied, StorageUnavailable) as error:
        log.warning("the index is not read, so every shard is: %s", error)
        return None


def _shard_versions(store: Store) -> dict[str, str]:
    versions = store.versions(RESULTS).items()
    return {name.removesuffix(".parquet"): v for name, v in versions if name.endswith(".parquet")}
