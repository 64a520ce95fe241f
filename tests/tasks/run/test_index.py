import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.catalog.schema import PLAN_SCHEMA
from tasks.run import index
from tasks.run.index import PATH, ROW_SCHEMA, SCHEMA, Covers, read_index, write_index
from tasks.store.objects import Store

COVERS = Covers({1: "v", 2: "w"}, {"s0": "a", "s1": "b"})


def planned(*numbers: int, **changes: Any) -> pa.Table:
    rows = [
        {"item_id": f"{n:04d}", "image": f"/i/{n}", "masks": [f"/m/{n}"], "output": f"{n}.png", "bytes": n}
        | {"image_version": f"v{n}", "mask_version": None, "shard_id": f"s{n % 2}"}
        | changes
        for n in numbers
    ]
    return pa.Table.from_pylist(rows, PLAN_SCHEMA)


def done(*numbers: int, **changes: Any) -> pa.Table:
    rows = [
        {"item_id": f"{n:04d}", "shard_id": f"s{n % 2}", "image": f"/i/{n}", "image_version": f"v{n}", "status": "ok"}
        | {"load_s": 0.25 if n % 3 else None, "width": n}
        | changes
        for n in numbers
    ]
    return pa.Table.from_pylist(rows, ROW_SCHEMA)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def read(store: Store) -> tuple[pa.Table, pa.Table, list[str]]:
    found = read_index(store)
    assert found is not None
    groups = [found.group(number) for number in range(found.groups)]
    plan, rows = (pa.concat_tables([group[at] for group in groups]) for at in (1, 2))
    return plan, rows, [group[0] for group in groups]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_written_is_read_in_sorted_groups(seed: int, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Items planned and not done, done and in no plan, changed since they were done."""
    monkeypatch.setattr(index, "GROUP_ROWS", 7)
    rng = random.Random(seed)
    parts, plans, rows = [], [], []
    for start in range(0, 60, 20):
        numbers = range(start, start + rng.randint(1, 20))
        some = [n for n in numbers if rng.random() < 0.7]
        plan, row = planned(*(n for n in numbers if rng.random() < 0.7)), done(*some)
        if rng.random() < 0.5:
            row = done(*some, image_version="before")
        parts.append((plan.take(rng.sample(range(len(plan)), len(plan))), row))
        plans.append(plan)
        rows.append(row)
    assert write_index(store, COVERS, parts)
    plan, row, lasts = read(store)
    assert plan == pa.concat_tables(plans)
    whole = pa.concat_tables(rows)
    assert row.drop_columns("load_s") == whole.drop_columns("load_s")
    assert row["load_s"].is_null() == whole["load_s"].is_null()
    assert lasts == sorted(lasts) and len(lasts) == -(-len({*plan["item_id"], *row["item_id"]}) // 7)
    found = read_index(store)
    assert found is not None and found.covers == COVERS


def test_none_is_written_of_nothing_or_of_what_is_there_twice(store: Store) -> None:
    assert not write_index(store, COVERS, [])
    assert not write_index(store, COVERS, [(PLAN_SCHEMA.empty_table(), ROW_SCHEMA.empty_table())])
    assert not write_index(store, COVERS, [(planned(1), pa.concat_tables([done(1), done(1)]))])
    assert not store.exists(PATH)
    assert read_index(store) is None


def test_a_damaged_index_is_none_wherever_the_damage_is(store: Store) -> None:
    assert write_index(store, COVERS, [(planned(1, 2), done(1))])
    whole = store.read(PATH)
    for at in range(0, len(whole), 7):
        if at != 64:  # the line break
            store.put(PATH, whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
            assert read_index(store) is None
        store.put(PATH, whole[:at])
        assert read_index(store) is None
    store.put(PATH, whole)
    assert read(store)[0] == planned(1, 2)


def test_an_index_of_another_version_is_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(index, "_FORMAT", 0)
        assert write_index(store, COVERS, [(planned(1), done(1))])
    assert read_index(store) is None


def test_the_same_is_said_in_the_same_bytes(store: Store) -> None:
    parts = [(planned(*range(9)), done(*range(5)))]
    assert write_index(store, COVERS, parts)
    first = store.read(PATH)
    assert write_index(store, COVERS, [(plan.take([*range(len(plan))][::-1]), rows) for plan, rows in parts])
    assert store.read(PATH) == first
    file = pq.ParquetFile(pa.BufferReader(first[65:]))
    assert file.schema_arrow.names == SCHEMA.names
    assert json.loads(file.schema_arrow.metadata[b"lacuna.covers"])["shards"] == COVERS.shards
