"""Cut new items into shards, the unit of scheduling, retry and commit."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import pyarrow as pa

from tasks.catalog.schema import PLAN_SCHEMA


def cut_shards(new: pa.Table, *, shard_items: int, shard_bytes: int) -> pa.Table:
    """Sort items by output path and cut them, greedily, into shards.

    The same set of items makes the same shards in whatever order it comes.

    Args:
        new: items (CATALOG_SCHEMA) that no shard holds yet, each `item_id` once.
        shard_items: most items in a shard, ≥ 1.
        shard_bytes: most bytes of images as listed, ≥ 1; one larger image is a shard of its own.

    Returns:
        The sorted items with the column `shard_id` (PLAN_SCHEMA).
    """
    if shard_items < 1 or shard_bytes < 1:
        raise ValueError(f"a shard needs room: shard_items={shard_items}, shard_bytes={shard_bytes}")
    rows = new.sort_by([("output", "ascending"), ("item_id", "ascending")])
    starts = _starts(rows["bytes"].to_pylist(), shard_items, shard_bytes)
    ids: list[str] = rows["item_id"].to_pylist()
    shards: list[str] = []
    for start, end in pairwise([*starts, len(ids)]):
        shards += [shard_id(ids[start:end])] * (end - start)
    return rows.append_column(PLAN_SCHEMA.field("shard_id"), pa.array(shards, pa.string())).cast(PLAN_SCHEMA)


def shard_id(item_ids: Sequence[str]) -> str:
    """Identity of a shard: "s" and 16 hex digits of a SHA-256 over its items' ids, in whatever order they come."""
    return "s" + hashlib.sha256("\n".join(sorted(item_ids)).encode()).hexdigest()[:16]


def _starts(sizes: Sequence[int], shard_items: int, shard_bytes: int) -> list[int]:
    starts = [0]
    items = total = 0
    for row, size in enumerate(sizes):
        if items and (items == shard_items or total + size > shard_bytes):
            starts.append(row)
            items = total = 0
        items += 1
        total += size
    return starts
