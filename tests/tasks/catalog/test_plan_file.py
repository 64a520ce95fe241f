from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.catalog.names import item_id
from tasks.catalog.plan_file import append_plan, plan_versions, read_plan
from tasks.catalog.schema import CATALOG_SCHEMA, PLAN_SCHEMA
from tasks.catalog.shards import cut_shards, shard_id
from tasks.errors import StorageUnavailable, UsageError
from tasks.store.objects import Store


def plan_of(*names: str, version: str = "v", shard_items: int = 2) -> pa.Table:
    """Items of these names, cut into shards."""
    rows: list[dict[str, Any]] = [
        {
            "item_id": item_id(name, name),
            "image": f"/{name}",
            "masks": [f"/m/{name}"],
            "output": name,
            "bytes": 1,
            "image_version": version,
        }
        for name in names
    ]
    table = pa.Table.from_pylist(rows, CATALOG_SCHEMA)
    return cut_shards(table, shard_items=shard_items, shard_bytes=2**30)


def shards_of(plan: pa.Table) -> dict[str, str]:
    """Output to shard."""
    return dict(zip(plan["output"].to_pylist(), plan["shard_id"].to_pylist(), strict=True))


class Racing(Store):
    """A store where another run appends first, as often as there are tables."""

    def create(self, path: str, data: bytes) -> bool:
        if others := OTHERS.get(self.root):
            append_plan(Store(self.root), others.pop(0))
        return super().create(path, data)


OTHERS: dict[str, list[pa.Table]] = {}


def test_nothing_yet(root: str) -> None:
    assert read_plan(Store(root)).equals(PLAN_SCHEMA.empty_table())


def test_append_and_read(root: str) -> None:
    store = Store(root)
    first, second = plan_of("a", "b", "c"), plan_of("d")
    assert append_plan(store, first).equals(first)
    assert append_plan(store, second).equals(second)
    assert append_plan(store, PLAN_SCHEMA.empty_table()).num_rows == 0
    assert store.names("plan") == ["000001.parquet", "000002.parquet"]
    assert read_plan(store).equals(pa.concat_tables([first, second]))
    assert read_plan(store, ["output"]).column_names == ["item_id", "output", "shard_id"]


def test_the_same_again_adds_nothing(root: str) -> None:
    store = Store(root)
    append_plan(store, plan_of("a", "b", "c"))
    assert append_plan(store, plan_of("a", "b", "c")).num_rows == 0
    assert store.names("plan") == ["000001.parquet"]


def test_an_update_keeps_its_shard(root: str) -> None:
    store = Store(root)
    append_plan(store, plan_of("a", "b", version="old"))
    changed = plan_of("a", "b", version="new").slice(0, 1)
    assert append_plan(store, changed).equals(changed)
    plan = read_plan(store)
    assert plan["image_version"].to_pylist() == ["new", "old"]
    assert shards_of(plan) == shards_of(plan_of("a", "b"))


def test_the_first_shard_wins_whatever_a_file_says(tmp_path) -> None:
    store = Store(str(tmp_path))
    append_plan(store, plan_of("a", "b"))
    pq.write_table(plan_of("a", "c", version="new"), tmp_path / "plan/000007.parquet")
    (tmp_path / "plan/notes.txt").touch()
    plan = read_plan(store)
    assert plan["output"].to_pylist() == ["a", "b", "c"]
    assert plan["image_version"].to_pylist() == ["new", "v", "new"]
    assert shards_of(plan)["a"] == shards_of(plan)["b"] != shards_of(plan)["c"]


def test_files_are_read_in_the_order_of_their_numbers(tmp_path) -> None:
    (tmp_path / "plan").mkdir()
    for number, version in ((999999, "old"), (1000000, "new")):
        pq.write_table(plan_of("a", version=version), tmp_path / f"plan/{number}.parquet")
    assert read_plan(Store(str(tmp_path)))["image_version"].to_pylist() == ["new"]
    append_plan(Store(str(tmp_path)), plan_of("b"))
    assert (tmp_path / "plan/1000001.parquet").exists()


def test_two_runs_that_saw_the_same(root: str) -> None:
    OTHERS[root] = [plan_of("a", "b", "c")]
    assert append_plan(Racing(root), plan_of("a", "b", "c")).num_rows == 0
    assert read_plan(Store(root)).equals(plan_of("a", "b", "c"))


def test_two_runs_that_saw_different_archives(root: str) -> None:
    OTHERS[root] = [plan_of("a", "b"), plan_of("x")]
    mine = append_plan(Racing(root), plan_of("b", "c", "d", "e"))
    assert mine["output"].to_pylist() == ["c", "d", "e"]
    plan = read_plan(Store(root))
    assert sorted(plan["output"].to_pylist()) == ["a", "b", "c", "d", "e", "x"]
    shards = shards_of(plan)
    assert shards["a"] == shards["b"] == plan_of("a", "b")["shard_id"][0].as_py()
    assert shards["c"] == shard_id([item_id("c", "c")])
    assert shards["d"] == shards["e"] == shard_id([item_id("d", "d"), item_id("e", "e")])


_PART = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(_PART, min_size=1, max_size=4), mine=_PART)
def test_a_shard_is_whole_in_one_file_whatever_races(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]], mine: list[str]
) -> None:
    root = str(tmp_path_factory.mktemp("sink"))
    OTHERS[root] = [plan_of(*part) for part in parts]
    append_plan(Racing(root), plan_of(*mine))
    for left in OTHERS[root]:
        append_plan(Store(root), left)
    store = Store(root)
    files = [pq.read_table(pa.BufferReader(store.read(f"plan/{name}"))) for name in store.names("plan")]
    planned = [output for file in files for output in file["output"].to_pylist()]
    assert sorted(planned) == sorted({*mine, *(name for part in parts for name in part)})
    plan = read_plan(store)
    for shard in set(plan["shard_id"].to_pylist()):
        holders = [file for file in files if shard in file["shard_id"].to_pylist()]
        members = [row["item_id"] for row in plan.to_pylist() if row["shard_id"] == shard]
        assert len(holders) == 1
        assert shard == shard_id(members)


def test_a_plan_that_cannot_be_appended(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "create", lambda *_: False)
    with pytest.raises(StorageUnavailable, match="in a row"):
        append_plan(Store(str(tmp_path)), plan_of("a"))


@pytest.mark.parametrize("data", [b"", b"PAR1", b"nonsense" * 99])
def test_a_file_that_is_no_plan(tmp_path, data: bytes) -> None:
    Store(str(tmp_path)).put("plan/000001.parquet", data)
    with pytest.raises(UsageError, match=r"plan/000001\.parquet is no plan"):
        read_plan(Store(str(tmp_path)))


def test_a_plan_of_other_columns(tmp_path) -> None:
    (tmp_path / "plan").mkdir()
    pq.write_table(pa.table({"item_id": ["a"]}), tmp_path / "plan/000001.parquet")
    with pytest.raises(UsageError, match="is no plan"):
        read_plan(Store(str(tmp_path)))


def test_what_a_run_has_seen_is_not_read_again(root: str) -> None:
    store = Store(root)
    first = append_plan(store, plan_of("a", "b"))
    second = append_plan(store, plan_of("c"), seen=1)
    assert read_plan(store, after=1).equals(second)
    assert read_plan(store).equals(pa.concat_tables([first, second]))
    assert append_plan(store, plan_of("c", "d"), seen=1)["output"].to_pylist() == ["d"]
    numbers = plan_versions(store)
    assert [*numbers] == [1, 2, 3] and len(set(numbers.values())) == 3


def test_items_that_are_in_shards_stay_there_next_to_a_run_that_says_the_same(root: str) -> None:
    """Two runs find the same two pairings changed; one of them writes one of them first."""
    store = Store(root)
    append_plan(store, plan_of("a", "b"))
    changed = plan_of("a", "b", version="w")
    append_plan(store, changed.slice(0, 1), seen=1, in_shards=True)
    assert append_plan(store, changed, seen=1, in_shards=True).equals(changed.slice(1))
    assert read_plan(store).equals(changed)
