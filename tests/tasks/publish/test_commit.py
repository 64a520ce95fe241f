import threading
from pathlib import Path

import pyarrow.compute as pc
import pytest

from tasks.errors import UsageError
from tasks.publish.commit import commit_shard, read_all_holes, read_holes, read_results, read_table, write_table
from tasks.store.objects import Store


def _row(item: str, status: str = "ok") -> dict:
    return {"item_id": item, "status": status, "output": f"{item}.png"}


def _hole(item: str, number: int = 0) -> dict:
    return {"item_id": item, "hole": number, "area": 5}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "sink"))


def test_rows_and_holes_carry_the_commit(store: Store) -> None:
    commit = commit_shard(store, "s1", [_row("a"), _row("b")], [_hole("a"), _hole("a", 1)])
    rows = read_results(store).to_pylist()
    assert [(r["item_id"], r["commit_id"], r["shard_id"]) for r in rows] == [("a", commit, "s1"), ("b", commit, "s1")]
    assert read_holes(store, "s1").num_rows == 2


def test_a_rewrite_replaces_its_items_and_keeps_the_others(store: Store) -> None:
    first = commit_shard(store, "s1", [_row("a"), _row("b")], [_hole("a"), _hole("b")])
    second = commit_shard(store, "s1", [_row("b", "failed")], [])
    rows = {r["item_id"]: r for r in read_results(store).to_pylist()}
    assert first != second
    assert {k: r["status"] for k, r in rows.items()} == {"a": "ok", "b": "failed"}
    assert {r["commit_id"] for r in rows.values()} == {second}
    assert read_holes(store, "s1")["item_id"].to_pylist() == ["a"]


def test_between_the_two_writes_of_a_rewrite_the_old_commit_is_still_whole(store: Store, monkeypatch) -> None:
    commit_shard(store, "s1", [_row("a"), _row("b")], [_hole("a"), _hole("b")])

    def dies(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        commit_shard(store, "s1", [_row("a", "failed")], [])
    assert sorted(read_holes(store, "s1")["item_id"].to_pylist()) == ["a", "b"]
    assert pc.all(pc.equal(read_results(store)["status"], "ok")).as_py()


def test_writers_at_once_lose_nothing(store: Store) -> None:
    names = [f"i{n}" for n in range(8)]
    threads = [threading.Thread(target=commit_shard, args=(store, "s1", [_row(n)], [_hole(n)])) for n in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_results(store)["item_id"].to_pylist() == names
    assert sorted(read_holes(store, "s1")["item_id"].to_pylist()) == names


def test_a_write_that_succeeded_but_was_reported_failed_is_not_committed_twice(store: Store, monkeypatch) -> None:
    real = Store.create
    monkeypatch.setattr(Store, "create", lambda self, path, data: real(self, path, data) and False)
    commit = commit_shard(store, "s1", [_row("a")], [])
    assert read_results(store)["commit_id"].to_pylist() == [commit]


def test_a_damaged_file_is_named(store: Store) -> None:
    commit_shard(store, "s1", [_row("a")], [])
    store.put("results/s1.parquet", store.read("results/s1.parquet")[:-30])
    with pytest.raises(UsageError, match=r"s1\.parquet is damaged"):
        read_results(store)


def test_a_flipped_bit_in_any_column_is_noticed_when_it_is_asked_for(store: Store) -> None:
    commit_shard(store, "s1", [_row("a")], [])
    data = store.read("results/s1.parquet")
    whole = read_results(store)
    at = data.index(b"a.png")  # in the column `output`
    store.put("results/s1.parquet", data[:at] + b"A" + data[at + 1 :])
    assert read_results(store, columns=["item_id"]).equals(whole.select(["item_id"]))
    for options in ({"columns": ["output"]}, {"columns": ["item_id"], "check": True}):
        with pytest.raises(UsageError, match=r"s1\.parquet is damaged"):
            read_results(store, **options)


def test_a_damaged_holes_file_is_in_the_way_only_of_rows_that_need_it(store: Store) -> None:
    commit_shard(store, "s1", [_row("a"), _row("b")], [_hole("a"), _hole("b")])
    store.put("holes/s1.parquet", store.read("holes/s1.parquet")[:-30])
    with pytest.raises(UsageError, match=r"holes/s1\.parquet is damaged: .* with the results file of its name"):
        commit_shard(store, "s1", [_row("b")], [_hole("b")])
    commit_shard(store, "s1", [_row("a"), _row("b")], [_hole("a"), _hole("b")])
    assert read_holes(store, "s1")["item_id"].to_pylist() == ["a", "b"]


def test_an_empty_sink_has_no_rows(store: Store) -> None:
    assert read_results(store, columns=["item_id"]).num_rows == 0
    assert read_holes(store, "s1").num_rows == 0


def test_files_of_a_version_that_had_fewer_columns_are_read_and_rewritten(root: str) -> None:
    store = Store(root)
    commit_shard(store, "s", [{"item_id": "a", "status": "ok", "holes": 1}], [{"item_id": "a", "hole": 0, "area": 7}])
    for folder, column in (("results", "needs_review"), ("holes", "coherence")):
        path = f"{folder}/s.parquet"
        table = read_table(store.read(path), path)
        store.put(path, write_table(table.drop_columns([column])))
    read = read_results(store, columns=["item_id", "needs_review", "shard_id", "commit_id"])
    assert read["needs_review"].to_pylist() == [None]
    assert read_all_holes(store, read, ["area", "coherence"]).to_pylist() == [{"area": 7, "coherence": None}]
    commit_shard(store, "s", [{"item_id": "b", "status": "ok", "needs_review": 0.5}], [{"item_id": "b", "hole": 0}])
    assert read_results(store).sort_by("item_id")["needs_review"].to_pylist() == [None, 0.5]
    assert sorted(read_holes(store, "s")["item_id"].to_pylist()) == ["a", "b"]
