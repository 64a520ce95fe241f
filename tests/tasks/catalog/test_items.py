import os

import pytest

from tasks.catalog.items import Items
from tasks.catalog.schema import CATALOG_SCHEMA
from tasks.errors import MaskMissing


def test_table_is_sorted_and_complete() -> None:
    items = Items("/root/")
    for path in ("b.png", "a/x.png", "a.png"):
        items.add(path, path, 7, "v")
    mask = items.masks.add("/masks/b.png", "mv")
    other = items.masks.add("/masks/a.png", "mw")
    for each in (mask, other, mask):
        items.give_mask(0, each)
    items.boxes[1], items.overrides[1] = "[[1, 2, 3, 4]]", "{}"
    table = items.table()
    table.validate(full=True)
    assert table.schema == CATALOG_SCHEMA
    assert table["output"].to_pylist() == ["a.png", "a/x.png", "b.png"]
    assert table["image"].to_pylist() == ["/root/a.png", "/root/a/x.png", "/root/b.png"]
    assert table["masks"].to_pylist() == [[], [], ["/masks/a.png", "/masks/b.png"]]
    assert table["mask_version"].to_pylist() == [None, None, "mw;mv"]
    assert table["boxes"].to_pylist() == [None, "[[1, 2, 3, 4]]", None]
    assert table["bytes"].to_pylist() == [7, 7, 7]
    assert len(set(table["item_id"].to_pylist())) == 3


def test_empty() -> None:
    assert Items("/").table().schema == CATALOG_SCHEMA
    assert Items("/").table().num_rows == 0


@pytest.mark.parametrize(
    ("path", "output", "problem", "error"),
    [
        ("x.png", "x.png", "", None),
        ("x.png", "x.png", "is a directory", "ImageUnreadable"),
        ("x.gif", "x.gif", "", "ImageUnsupported"),
        ("x", "x", "", "ImageUnsupported"),
        ("../x.png", "../x.png", "", "StorageDenied"),
        ("a//x.png", "a//x.png", "", "StorageDenied"),
        ("x.png", "../y.png", "", "StorageDenied"),
        ("x.png", "/etc/y.png", "", "StorageDenied"),
        (os.fsdecode(b"caf\xe9.png"), os.fsdecode(b"caf\xe9.png"), "", "ImageUnreadable"),
    ],
)
def test_refused_by_name(path: str, output: str, problem: str, error: str | None) -> None:
    items = Items("/root/")
    items.add(path, output, 1, "v", problem)
    row = items.table().to_pylist()[0]
    assert row["error"] == error
    assert (row["message"] is None) is (error is None)


def test_the_first_error_stays() -> None:
    items = Items("/")
    items.add("x.gif", "x.gif")
    items.fail_all([0], MaskMissing("no mask"))
    assert items.table()["error"].to_pylist() == ["ImageUnsupported"]


@pytest.mark.parametrize(
    ("url", "problem"), [("/m.png", "is a directory"), ("/m.gif", ""), (os.fsdecode(b"/\xe9.png"), "")]
)
def test_a_bad_mask_is_the_items_error(url: str, problem: str) -> None:
    items = Items("/")
    for name in ("x.png", "y.png"):
        items.add(name, name)
    items.give_mask(0, items.masks.add(url, "v", problem))
    items.give_mask(1, items.masks.add("/good.png", "v"))
    assert items.table()["error"].to_pylist() == ["MaskUnreadable", None]


def test_duplicates_name_each_other() -> None:
    items = Items("/")
    for name in ("x.png", "y.png", "z.png"):
        items.add(name, "out.png" if name < "z" else name)
    items.fail_duplicates()
    rows = items.table().to_pylist()
    assert [row["error"] for row in rows] == ["DuplicateItem", "DuplicateItem", None]
    assert sorted(row["message"].rpartition(" ")[2] for row in rows[:2]) == ["/x.png", "/y.png"]


def test_dropped_rows_are_not_in_the_table() -> None:
    items = Items("/")
    for name in ("x.png", "x_mask.png"):
        items.add(name, name)
    items.drop(1)
    assert list(items.rows()) == [0]
    assert items.table()["output"].to_pylist() == ["x.png"]
