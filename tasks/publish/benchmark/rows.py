"""OUT/rows: one row for each photo, mask and method, in parts that are there whole or not at all."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tasks.publish.commit import read_table, write_table
from tasks.publish.schema import Row, to_table
from tasks.store.objects import Store

ROWS = "rows"

# With truth, see docs/measures.md; null where there is nothing to measure, or what it takes was not given.
OVER_HOLE = ("psnr", "ssim", "l1", "mse", "dice")
MEASURES = (*OVER_HOLE, *(f"{name}_image" for name in OVER_HOLE), "feature_distance", "lpips")
COSTS = ("seconds", "seconds_per_mp")  # of the fill alone; of a megapixel of hole

SCHEMA = pa.schema(
    [
        ("photo", pa.string()),
        ("photo_sha256", pa.string()),
        ("mask", pa.string()),  # thin, medium, thick
        ("seed", pa.int64()),
        ("method", pa.string()),
        ("method_version", pa.string()),  # weights, settings, a library's version, or a result's digest
        ("networks_sha256", pa.string()),  # of the files that measure
        ("code_version", pa.string()),
        ("status", pa.string()),  # ok, skipped, failed
        ("error", pa.string()),
        ("message", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("mask_sha256", pa.string()),
        ("masked_fraction", pa.float64()),
        *((name, pa.float64()) for name in MEASURES),
        ("pooled", pa.list_(pa.float32())),  # what fid is made of: of the filled photo, and of the true one
        ("pooled_truth", pa.list_(pa.float32())),
        *((name, pa.float64()) for name in COSTS),
        ("iterations", pa.int64()),  # of a method that optimises each picture
        ("device", pa.string()),
        ("threads", pa.int32()),
        ("finished_at", pa.timestamp("us", tz="UTC")),
    ]
)
# What differs between two runs that did the same.
VOLATILE = (*COSTS, "finished_at")


class Key(NamedTuple):
    """What a row is of: the same key gives the same numbers."""

    photo_sha256: str
    mask: str
    seed: int
    method: str
    method_version: str
    networks_sha256: str
    code_version: str


def key_of(row: Row) -> Key:
    """The key of a row."""
    return Key(*(row[name] for name in Key._fields))


def write_part(store: Store, rows: list[Row]) -> str:
    """Write rows as one part, in one put; its name goes by their keys, so that who does it again replaces it."""
    digest = hashlib.sha256(repr(sorted(key_of(row) for row in rows)).encode()).hexdigest()[:20]
    path = f"{ROWS}/{digest}.parquet"
    store.put(path, write_table(to_table(rows, SCHEMA)))
    return path


def done_keys(store: Store, wanted: Iterable[Key]) -> set[Key]:
    """Those of the wanted keys that have an `ok` row. Raises UsageError for a damaged part, which it names."""
    table = _wanted(store, set(wanted), [*Key._fields, "status"])
    return set(_keys(table.filter(pc.equal(table["status"], "ok"))))


def read_rows(store: Store, wanted: Iterable[Key]) -> pa.Table:
    """The rows of the wanted keys, sorted by mask, method and photo; of several of one key an `ok` one, then the latest.

    Raises UsageError for a damaged part, which it names.
    """
    table = _wanted(store, set(wanted))
    ranks = zip(pc.equal(table["status"], "ok").to_pylist(), table["finished_at"].to_pylist(), strict=True)
    best: dict[Key, tuple[tuple[bool, datetime], int]] = {}
    for index, (key, rank) in enumerate(zip(_keys(table), ranks, strict=True)):
        if key not in best or rank > best[key][0]:
            best[key] = rank, index
    order = sorted(best, key=lambda key: (key.mask, key.method, key.photo_sha256))
    return table.take(pa.array([best[key][1] for key in order], pa.int64()))


def _wanted(store: Store, keys: set[Key], columns: list[str] | None = None) -> pa.Table:
    """All rows of these keys, those made twice too: `columns`, or all."""

    def read(name: str) -> pa.Table:
        table = read_table(store.read(f"{ROWS}/{name}"), store.url(f"{ROWS}/{name}"), columns)
        return table.filter(pa.array([key in keys for key in _keys(table)], pa.bool_()))

    names = [name for name in store.names(ROWS) if name.endswith(".parquet")]
    schema = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
    with ThreadPoolExecutor(16) as pool:
        return pa.concat_tables([schema.empty_table(), *pool.map(read, names)], promote_options="default")


def _keys(table: pa.Table) -> Iterator[Key]:
    return (Key(*values) for values in zip(*(table[name].to_pylist() for name in Key._fields), strict=True))
