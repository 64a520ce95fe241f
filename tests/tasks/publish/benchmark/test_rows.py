from datetime import UTC, datetime

import pytest

from tasks.errors import UsageError
from tasks.publish.benchmark.rows import SCHEMA, Key, done_keys, key_of, read_rows, write_part
from tasks.store.objects import Store


def test_rows_come_back_sorted_and_only_those_wanted(row, root: str) -> None:
    store = Store(root)
    rows = [row(n, method) for n in (2, 0, 1) for method in ("telea", "biharmonic")]
    write_part(store, rows[:2])
    write_part(store, rows[2:])
    found = read_rows(store, [key_of(r) for r in rows if r["photo"] != "1.png"])
    assert found.schema == SCHEMA
    assert [(r["method"], r["photo"]) for r in found.to_pylist()] == [
        ("biharmonic", "0.png"),
        ("biharmonic", "2.png"),
        ("telea", "0.png"),
        ("telea", "2.png"),
    ]
    assert read_rows(store, []).num_rows == 0
    assert read_rows(Store(root + "/nowhere"), [Key("p", "m", 0, "t", "1", "n", "c")]).num_rows == 0


def test_who_does_the_same_again_replaces_the_part(row, tmp_path) -> None:
    store = Store(str(tmp_path))
    rows = [row(0), row(0, "biharmonic")]
    assert write_part(store, rows) == write_part(store, [{**r, "psnr": 1.0} for r in reversed(rows)])
    assert len(store.names("rows")) == 1
    assert {r["psnr"] for r in read_rows(store, [key_of(r) for r in rows]).to_pylist()} == {1.0}


def test_of_one_key_a_good_row_wins_then_the_latest(row, tmp_path) -> None:
    store = Store(str(tmp_path))
    late = datetime(2027, 1, 1, tzinfo=UTC)
    key = key_of(row(0))
    write_part(store, [row(0, psnr=1.0)])
    write_part(store, [row(0, status="failed", psnr=None, finished_at=late), row(1)])
    (found,) = read_rows(store, [key]).to_pylist()
    assert (found["status"], found["psnr"]) == ("ok", 1.0)
    assert done_keys(store, [key]) == {key}
    write_part(store, [row(0, psnr=2.0, finished_at=late), row(2)])
    assert read_rows(store, [key])["psnr"].to_pylist() == [2.0]


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"method_version": "2"}, {"networks_sha256": ""}, {"code_version": ""}]
)
def test_what_decides_numbers_is_in_the_key(row, tmp_path, change) -> None:
    store = Store(str(tmp_path))
    write_part(store, [row(0)])
    assert read_rows(store, [key_of(row(0, **change))]).num_rows == 0


def test_a_damaged_part_is_named(row, tmp_path) -> None:
    store = Store(str(tmp_path))
    path = write_part(store, [row(0)])
    store.put(path, b"rot")
    with pytest.raises(UsageError, match=path):
        read_rows(store, [key_of(row(0))])


def test_only_good_rows_are_done(row, tmp_path) -> None:
    store = Store(str(tmp_path))
    rows = [row(0), row(1, status="failed"), row(2, status="skipped"), row(3)]
    write_part(store, rows)
    assert done_keys(store, [key_of(r) for r in rows[:3]]) == {key_of(rows[0])}
