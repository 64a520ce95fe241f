"""From settings to work: what is there, what is left of it, and in which shards. Writes nothing until `commit_plan`."""

import bisect
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from models.weights import EMBEDDED, WeightsInvalid, WeightsNotFound, find_weights, load_weights, weights_sha256
from tasks.catalog.catalog import Catalog, build_catalog
from tasks.catalog.plan_file import append_plan, read_plan
from tasks.catalog.settings import SourceSettings
from tasks.catalog.shards import cut_shards
from tasks.errors import StorageDenied, UsageError
from tasks.publish.provenance import code_version
from tasks.run.job import ItemSpec, ShardWork
from tasks.run.known import Known, look
from tasks.run.settings import ItemSettings, RuntimeSettings
from tasks.run.todo import Makers, Todo, left_in_parts, limited
from tasks.store.filesystems import local_path, protocol_of
from tasks.store.objects import Store

MAX_SHARD_ITEMS = 250
SHARDS_PER_RESTORER = 4
BYTES_PER_MP = 1_000_000
SAME_PROTOCOL = {"s3a": "s3", "gcs": "gs", "az": "abfs", "abfss": "abfs"}


@dataclass(frozen=True)
class NamedWeights:
    """The generator's weights, as rows and records name them."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Prepared:
    """What a run would do; `work` has PLAN_SCHEMA's columns, new items already cut into shards."""

    catalog: Catalog
    todo: Todo
    new: pa.Table
    weights: NamedWeights
    seen: int = 0  # number of the last plan file that it was compared with

    @property
    def shards(self) -> int:
        """How many shards are touched."""
        ids = pa.concat_arrays([t["shard_id"].combine_chunks() for t in (self.new, self.todo.planned)])
        return len(pc.unique(ids))


def open_sink(out: str) -> Store:
    """The sink that `--out` names. Raises UsageError for an empty name: that of a variable which is not set."""
    if not out.strip():
        raise UsageError("--out is empty: name a folder or URL")
    return Store(out)


def prepare(
    images: str,
    masks: str | None,
    store: Store,
    *,
    source: SourceSettings,
    items: ItemSettings,
    runtime: RuntimeSettings,
    on_change: str,
    retry: tuple[str, ...],
    limit: int | None,
    restorers: int,
) -> Prepared:
    """List, pair and compare with the sink; reads listings and committed rows, no pixels.

    Raises UsageError, StorageUnavailable; nothing has been written then.
    """
    weights = _weights(items.model.name)
    catalog = build_catalog(images, masks, source=source, mask_source=items.mask.source)
    _check_apart(catalog, store)
    _check_overrides(catalog.table, items)
    try:
        known = look(store)
    except StorageDenied as error:
        raise UsageError(f"--out: {error}") from error
    makers = Makers(items, weights.sha256, code_version())
    todo = limited(left_in_parts(_parts(catalog.table, known), makers, retry=retry, on_change=on_change), limit)
    shard_items = items_in_shard(runtime, todo.new.num_rows, restorers)
    new = cut_shards(todo.new, shard_items=shard_items, shard_bytes=int(runtime.shard_mp * BYTES_PER_MP))
    return Prepared(catalog, todo, new, weights, known.seen)


def _parts(catalog: pa.Table, known: Known) -> Iterator[tuple[pa.Table, pa.Table, pa.Table]]:
    """Catalog, plan and rows of the same items, range by range: a merge of two sorted lists."""
    if known.index is None:
        yield from ((catalog, each.plan, each.rows) for each in known.ranges())
        return
    order = pc.sort_indices(catalog["item_id"])
    ids, start = catalog["item_id"].take(order), 0
    for each in known.ranges():
        end = len(ids)
        if each.last is not None:
            end = bisect.bisect_right(range(end), each.last, start, key=lambda at: ids[at].as_py())
        yield catalog.take(order[start:end]), each.plan, each.rows
        start = end


def items_in_shard(runtime: RuntimeSettings, new: int, restorers: int) -> int:
    """Small runs get small shards, so that every restorer has work; large runs the most that a shard may hold."""
    if runtime.shard_items != "auto":
        return runtime.shard_items
    return max(1, min(MAX_SHARD_ITEMS, math.ceil(new / (restorers * SHARDS_PER_RESTORER))))


def commit_plan(prepared: Prepared, store: Store) -> pa.Table:
    """Append the new items to the plan and return all that is to be done, PLAN_SCHEMA.

    Another run on the same sink may have planned some of them a moment ago: those keep that run's shards. Items that have
    a row but whose plan was lost are written into the plan again, those that are paired otherwise now as they are now.
    """
    planned = prepared.todo.planned
    for rows in (prepared.todo.unplanned, prepared.todo.outdated):
        if rows.num_rows:
            append_plan(store, rows, prepared.seen, in_shards=True)
    if not prepared.new.num_rows:
        return planned
    ours = append_plan(store, prepared.new, prepared.seen)
    if ours.num_rows < prepared.new.num_rows:
        theirs = prepared.new.filter(pc.invert(pc.is_in(prepared.new["item_id"], value_set=_flat(ours["item_id"]))))
        plan = read_plan(store, after=prepared.seen)
        taken = plan.filter(pc.is_in(plan["item_id"], value_set=_flat(theirs["item_id"])))
        ours = pa.concat_tables([ours, taken.select(ours.schema.names)])
    return pa.concat_tables([ours.select(planned.schema.names), planned])


def works(table: pa.Table) -> Iterator[ShardWork]:
    """The work, shard by shard; item objects exist only for the shard that is asked for."""
    ordered = table.sort_by([("shard_id", "ascending"), ("output", "ascending")])
    ids = _flat(ordered["shard_id"])
    runs = pc.run_end_encode(ids)
    start = 0
    for shard_id, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        rows = ordered.slice(start, end - start).to_pylist()
        start = end
        yield ShardWork(shard_id, tuple(ItemSpec.from_row(row) for row in rows))


def _weights(name: str) -> NamedWeights:
    """Weights of the user's own are loaded once before anything is written; ours are known to be sound.

    Loading takes torch, two seconds and 300 MB, of which the driver needs nothing else.
    """
    try:
        path = find_weights(name)
        if path.parent != EMBEDDED:
            load_weights(name)
        return NamedWeights(path.stem, weights_sha256(name))
    except (WeightsNotFound, WeightsInvalid) as error:
        raise UsageError(f"model.name: {error}") from error


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _check_overrides(table: pa.Table, items: ItemSettings) -> None:
    for override in pc.unique(table["override"]).to_pylist():
        try:
            items.overridden(override)
        except (ValidationError, ValueError) as error:
            at = pc.index(table["override"], override).as_py()
            raise UsageError(f"override of {table['image'][at].as_py()}: {error}") from error


def _check_apart(catalog: Catalog, store: Store) -> None:
    """The source is never written to: neither may the sink lie in a source, nor a source in the sink."""
    for root in (catalog.image_root, catalog.mask_root):
        if root is not None and (within(store.root, root) or within(root, store.root)):
            raise UsageError(f"--out {store.root} and the source {root} overlap: originals could be overwritten")


def within(inner: str, outer: str) -> bool:
    """Whether one URL or absolute path lies in another, or is it; two names of one place are one place."""
    return _place(inner).startswith(_place(outer))


def _place(url: str) -> str:
    """One spelling of a root, ending in a slash: links followed, one name for each protocol, no doubled slashes."""
    protocol = protocol_of(url)
    if protocol == "file":
        return os.path.realpath(local_path(url)).rstrip("/") + "/"
    path = url.partition("://")[2]
    return f"{SAME_PROTOCOL.get(protocol, protocol)}://{'/'.join(part for part in path.split('/') if part)}/"
