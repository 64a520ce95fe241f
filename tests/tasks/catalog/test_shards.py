from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.catalog.names import item_id
from tasks.catalog.schema import CATALOG_SCHEMA, PLAN_SCHEMA
from tasks.catalog.shards import cut_shards, shard_id

_SIZES = st.dictionaries(st.text(alphabet="ab/ü ", min_size=1, max_size=5), st.integers(0, 50), max_size=40)


def table_of(sizes: dict[str, int]) -> pa.Table:
    """Items with these outputs and sizes, in this order."""
    rows: list[dict[str, Any]] = [
        {
            "item_id": item_id(name, name),
            "image": f"/{name}",
            "masks": [],
            "output": name,
            "bytes": size,
            "image_version": "v",
        }
        for name, size in sizes.items()
    ]
    return pa.Table.from_pylist(rows, CATALOG_SCHEMA)


@given(_SIZES, st.integers(1, 10), st.integers(1, 100))
def test_limits_are_kept_and_nothing_is_lost(sizes: dict[str, int], shard_items: int, shard_bytes: int) -> None:
    plan = cut_shards(table_of(sizes), shard_items=shard_items, shard_bytes=shard_bytes)
    assert plan.schema == PLAN_SCHEMA
    assert plan["output"].to_pylist() == sorted(sizes, key=str.encode)
    shards: dict[str, list[dict[str, Any]]] = {}
    for row in plan.to_pylist():
        shards.setdefault(row["shard_id"], []).append(row)
    for name, rows in shards.items():
        assert name == shard_id([row["item_id"] for row in rows])
        assert len(rows) <= shard_items
        assert len(rows) == 1 or sum(row["bytes"] for row in rows) <= shard_bytes


@given(_SIZES.flatmap(lambda sizes: st.tuples(st.just(sizes), st.permutations(list(sizes)))))
def test_the_order_does_not_matter(drawn: tuple[dict[str, int], list[str]]) -> None:
    sizes, order = drawn
    shuffled = table_of({name: sizes[name] for name in order})
    assert cut_shards(shuffled, shard_items=3, shard_bytes=60) == cut_shards(
        table_of(sizes), shard_items=3, shard_bytes=60
    )


def test_ids_stay() -> None:
    assert shard_id(["b", "a"]) == shard_id(["a", "b"]) == "s7e18f737311b2dc3"


def test_room_is_needed() -> None:
    with pytest.raises(ValueError, match="room"):
        cut_shards(table_of({}), shard_items=0, shard_bytes=1)
