"""SINK/index/items.idx: plan and result rows of all items in one file, sorted, so that a run need not read every shard's file.

A cache and never the truth: it says of which plan files and results files, by their versions, it was made, and what it says
of any other is not believed (`tasks.run.known`). The file is the SHA-256 of a Parquet file as 64 hexadecimal digits, a line
break, and the Parquet file; what does not fit its digest is as good as not there.
"""

import hashlib
import io
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.catalog.schema import PLAN_SCHEMA
from tasks.publish.schema import RESULTS_SCHEMA
from tasks.store.objects import Store

log = logging.getLogger("lacuna.index")

PATH = "index/items.idx"
GROUP_ROWS = 65_536  # that are decoded at once
# Of a result row: what planning compares, and what totals count.
ROW_COLUMNS = [
    *("item_id", "shard_id", "image", "image_version", "mask_version", "status", "error"),
    *("weights_sha256", "settings_sha256", "code_version", "load_s", "width", "height", "holes"),
]
_SAME = ("image", "image_version", "mask_version")  # as planned, but for items that changed since
_COVERS = b"lacuna.covers"
_FORMAT = 1

ROW_SCHEMA = pa.schema([RESULTS_SCHEMA.field(name) for name in ROW_COLUMNS])
# `plan.shard_id` is null where no plan has the item, `row.shard_id` where there is no row; `row.load_s` is but null or 0;
# where `as_planned`, the row's image and versions are the plan's and not written twice.
SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string()),
        *(pa.field(f"plan.{field.name}", field.type) for field in PLAN_SCHEMA if field.name != "item_id"),
        *(pa.field(f"row.{field.name}", field.type) for field in ROW_SCHEMA if field.name != "item_id"),
        pa.field("as_planned", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Covers:
    """Of what an index was made: version (of `Store.versions`) by number of the plan file, and by shard."""

    plan: dict[int, str]
    shards: dict[str, str]


@dataclass(frozen=True)
class Index:
    """An index that was read: its bytes, decoded group by group."""

    covers: Covers
    file: pq.ParquetFile

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(self.file.num_row_groups)

    def group(self, number: int) -> tuple[str, pa.Table, pa.Table]:
        """A range of items, in the order of item_id: the last one's id, what the plan says (PLAN_SCHEMA), rows (ROW_SCHEMA)."""
        table = self.file.read_row_group(number)
        last: str = table["item_id"][-1].as_py()
        for name in _SAME:
            same = pc.if_else(table["as_planned"], table[f"plan.{name}"], table[f"row.{name}"])
            table = table.set_column(table.schema.get_field_index(f"row.{name}"), f"row.{name}", same)
        return last, _part(table, "plan", PLAN_SCHEMA), _part(table, "row", ROW_SCHEMA)


def read_index(store: Store) -> Index | None:
    """The index of a sink; None where there is none, or none that can be used.

    Raises StorageDenied, StorageUnavailable.
    """
    try:
        data = memoryview(store.read(PATH))
    except FileNotFoundError:
        return None
    digest, body = bytes(data[:64]), data[65:]
    if hashlib.sha256(body).hexdigest().encode() != digest:
        log.warning("%s is damaged: every shard is read instead", store.url(PATH))
        return None
    file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(body)))
    said = json.loads((file.schema_arrow.metadata or {}).get(_COVERS, b"{}"))
    if said.get("format") != _FORMAT or file.schema_arrow.names != SCHEMA.names or not file.num_row_groups:
        return None  # of another version of this program
    return Index(Covers({int(n): v for n, v in said["plan"].items()}, said["shards"]), file)


def write_index(store: Store, covers: Covers, parts: Iterable[tuple[pa.Table, pa.Table]]) -> bool:
    """Replace the index, whole; of two writers the last one's stays. Whether it was written.

    None is written of no items, nor where an item has two result rows: somebody has been at the files.

    parts: plan (PLAN_SCHEMA) and rows (ROW_SCHEMA), each item in one part and once in each table, parts in the order of their
    item_ids. Rows of shards that `covers` does not name must not be among them. Only one part is in memory at a time, and
    the index itself.

    Raises StorageDenied, StorageUnavailable.
    """
    said = {"format": _FORMAT, "plan": covers.plan, "shards": covers.shards}
    sink = io.BytesIO()
    rows = 0
    with pq.ParquetWriter(sink, SCHEMA.with_metadata({_COVERS: json.dumps(said)}), compression="zstd") as writer:
        for group in _groups(parts):
            if group is None:
                return False
            writer.write_table(group, row_group_size=GROUP_ROWS)
            rows += group.num_rows
    if rows:
        body = sink.getbuffer()
        store.put(PATH, b"\n".join([hashlib.sha256(body).hexdigest().encode(), body]))
    return rows > 0


def _groups(parts: Iterable[tuple[pa.Table, pa.Table]]) -> Iterator[pa.Table | None]:
    """Full groups, and a last one of what is left; None where an item is twice in a table."""
    held = SCHEMA.empty_table()
    for plan, rows in parts:
        if any(pc.count_distinct(table["item_id"]).as_py() < table.num_rows for table in (plan, rows)):
            yield None
            return
        held = pa.concat_tables([held, _joined(plan, rows)])
        while held.num_rows >= GROUP_ROWS:
            yield held.slice(0, GROUP_ROWS)
            held = held.slice(GROUP_ROWS)
    if held.num_rows:
        yield held


def _joined(plan: pa.Table, rows: pa.Table) -> pa.Table:
    """One record an item (SCHEMA), sorted by item_id."""
    ids = pc.unique(pa.chunked_array([*plan["item_id"].chunks, *rows["item_id"].chunks], pa.string()))
    ids = ids.take(pc.sort_indices(ids))
    columns = {"item_id": ids}
    for prefix, table in (("plan", plan), ("row", rows)):
        at = pc.index_in(ids, value_set=table["item_id"].combine_chunks())
        for name in table.schema.names:
            if name != "item_id":
                columns[f"{prefix}.{name}"] = table[name].combine_chunks().take(at)
    columns["row.load_s"] = pc.multiply(columns["row.load_s"], 0.0)
    same = pc.and_(pc.is_valid(columns["plan.shard_id"]), pc.is_valid(columns["row.shard_id"]))
    for name in _SAME:
        planned, row = columns[f"plan.{name}"], columns[f"row.{name}"]
        equal = pc.or_(pc.fill_null(pc.equal(planned, row), False), pc.and_(pc.is_null(planned), pc.is_null(row)))
        same = pc.and_(same, equal)
    for name in _SAME:
        columns[f"row.{name}"] = pc.if_else(same, pa.scalar(None, pa.string()), columns[f"row.{name}"])
    columns["as_planned"] = same
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _part(table: pa.Table, prefix: str, schema: pa.Schema) -> pa.Table:
    """The plan's or the rows' part of a group."""
    names = ["item_id" if name == "item_id" else f"{prefix}.{name}" for name in schema.names]
    part = table.filter(pc.is_valid(table[f"{prefix}.shard_id"])).select(names)
    return part.rename_columns(schema.names).cast(schema)
