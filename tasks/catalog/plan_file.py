"""The plan in the sink: append-only files that say which item is in which shard, once and for ever."""

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.catalog.schema import PLAN_SCHEMA
from tasks.catalog.shards import shard_id
from tasks.errors import StorageUnavailable, UsageError
from tasks.store.objects import Store

FOLDER = "plan"
_NAME = re.compile(r"[0-9]{6,}\.parquet")
_TRIES = 100


def read_plan(store: Store, columns: Sequence[str] | None = None, after: int = 0) -> pa.Table:
    """The plan as it stands: one row per item (PLAN_SCHEMA), in the order in which items were planned.

    Of several rows of an item the last one gives pairing and versions, and the first one the shard.

    Args:
        store: the sink.
        columns: only these columns; `item_id` and `shard_id` are always among them.
        after: only what the files after this number say.

    Raises:
        UsageError: a file is no plan of this program.
        StorageDenied, StorageUnavailable: as `Store.read`.
    """
    return current(_read(store, [n for n in _numbers(store) if n > after], columns))


def plan_versions(store: Store) -> dict[int, str]:
    """Number -> version (of `Store.versions`) of the plan's files, in their order."""
    listed = store.versions(FOLDER).items()
    return dict(sorted((int(name.partition(".")[0]), version) for name, version in listed if _NAME.fullmatch(name)))


def append_plan(store: Store, rows: pa.Table, seen: int = 0, in_shards: bool = False) -> pa.Table:
    """Append items to the plan as its next file, next to any number of other runs that do the same.

    Each file is created once and never changed, so of two runs with the same number one is told that it lost. It reads
    what is there now and tries again with what is left of its rows:

    - an item that another run has planned meanwhile, in another shard, is left out. A shard that loses an item gets a
      new id from its remaining ones, so an id always stands for the items it was made from;
    - a row that is already there, word for word, is left out (both runs saw the same new images);
    - a row of a planned item in its own shard with other pairing or versions is an update and stays.

    All items of a shard are in one file: a shard never grows.

    Args:
        store: the sink.
        rows: PLAN_SCHEMA, each `item_id` once.
        seen: number of the last file that `rows` were compared with: those up to it are not read again.
        in_shards: each item of `rows` is in its shard for good, by the plan or by a result row, and stays there.

    Returns:
        The rows that were appended; where nothing was left to append, no file is made.
    """
    known = seen
    plan = PLAN_SCHEMA.empty_table()
    for _ in range(_TRIES):
        numbers = _numbers(store)
        plan = current(pa.concat_tables([plan, _read(store, [n for n in numbers if n > known])]))
        known = numbers[-1] if numbers else 0
        rows = _remaining(rows, plan, in_shards)
        if not rows.num_rows:
            return rows
        # A number may be taken meanwhile, but no lower one can be free: numbers have no gaps to fill.
        if store.create(_path(known + 1), _to_bytes(rows)):
            return rows
    raise StorageUnavailable(f"{store.url(FOLDER)}: other runs took {_TRIES} plan files in a row")


def _remaining(rows: pa.Table, plan: pa.Table, in_shards: bool) -> pa.Table:
    """The rows that the plan does not have: new items and updates; shards that lost items renamed."""
    rows = rows.select(PLAN_SCHEMA.names).cast(PLAN_SCHEMA)
    if not plan.num_rows or not rows.num_rows:
        return rows
    at = pc.index_in(rows["item_id"], value_set=plan["item_id"])
    there = plan.take(at)
    is_new = pc.is_null(at)
    if pc.all(is_new).as_py():
        return rows
    is_update = pc.and_kleene(pc.equal(rows["shard_id"], there["shard_id"]), pc.invert(_same(rows, there)))
    kept = rows.filter(pc.fill_null(pc.or_kleene(is_new, is_update), False))
    if in_shards:
        return kept
    return _renamed(kept, pc.is_null(pc.index_in(kept["item_id"], value_set=plan["item_id"])), rows)


def _same(rows: pa.Table, there: pa.Table) -> pa.Array:
    """Which rows are equal in all columns."""
    same = None
    for name in PLAN_SCHEMA.names:
        left, right = rows[name], there[name]
        if pa.types.is_list(left.type):
            equal = pa.array([a == b for a, b in zip(left.to_pylist(), right.to_pylist(), strict=True)])
        else:
            both_null = pc.and_(pc.is_null(left), pc.is_null(right))
            equal = pc.or_(pc.fill_null(pc.equal(left, right), False), both_null)
        same = equal if same is None else pc.and_(same, equal)
    return same


def _renamed(kept: pa.Table, is_new: pa.ChunkedArray, before: pa.Table) -> pa.Table:
    """New items of a shard that lost some get a shard id of their own."""
    sizes = dict(zip(*[c.to_pylist() for c in before["shard_id"].value_counts().flatten()], strict=True))
    members: dict[str, list[str]] = {}
    for item, shard, new in zip(
        kept["item_id"].to_pylist(), kept["shard_id"].to_pylist(), is_new.to_pylist(), strict=True
    ):
        if new:
            members.setdefault(shard, []).append(item)
    names = {shard: shard_id(items) for shard, items in members.items() if len(items) < sizes[shard]}
    if not names:
        return kept
    shards = [
        names.get(shard, shard) if new else shard
        for shard, new in zip(kept["shard_id"].to_pylist(), is_new.to_pylist(), strict=True)
    ]
    column = PLAN_SCHEMA.get_field_index("shard_id")
    return kept.set_column(column, PLAN_SCHEMA.field("shard_id"), pa.array(shards, pa.string()))


def current(rows: pa.Table) -> pa.Table:
    """One row per item of rows in the order of their files: the first one's shard, and what else the last one says."""
    if not rows.num_rows:
        return rows
    numbered = pa.table({"item_id": rows["item_id"], "row": pa.array(range(rows.num_rows), pa.int64())})
    ends = numbered.group_by("item_id").aggregate([("row", "min"), ("row", "max")])
    if ends.num_rows < rows.num_rows:
        ends = ends.sort_by("row_min")
        column = rows.schema.get_field_index("shard_id")
        shards = rows["shard_id"].take(ends["row_min"])
        rows = rows.take(ends["row_max"]).set_column(column, rows.schema.field(column), shards)
    return rows


def _read(store: Store, numbers: Sequence[int], columns: Sequence[str] | None = None) -> pa.Table:
    wanted = [n for n in PLAN_SCHEMA.names if columns is None or n in {*columns, "item_id", "shard_id"}]
    schema = pa.schema([PLAN_SCHEMA.field(name) for name in wanted])
    tables = [schema.empty_table()]
    for number in numbers:
        path = _path(number)
        data = store.read(path)
        try:
            table = pq.read_table(pa.BufferReader(data), columns=wanted)
            tables.append(table.select(wanted).cast(schema))
        except (pa.ArrowException, KeyError, OSError) as error:
            raise UsageError(f"{store.url(path)} is no plan of this program: {error}") from error
    return pa.concat_tables(tables)


def _numbers(store: Store) -> list[int]:
    return sorted(int(name.partition(".")[0]) for name in store.names(FOLDER) if _NAME.fullmatch(name))


def _path(number: int) -> str:
    return f"{FOLDER}/{number:06d}.parquet"


def _to_bytes(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())
