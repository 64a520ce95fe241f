import json
from typing import Any

import pytest

from tasks.catalog.listing import Entry
from tasks.catalog.manifest_items import look_up, manifest_items
from tasks.catalog.source import open_source
from tasks.errors import StorageDenied, StorageUnavailable, UsageError


def rows_of(tree, rows: list[dict[str, Any]], mask_root: str | None = None, **kinds: bool) -> list[dict[str, Any]]:
    """The catalog's rows of a manifest at the root of the tree."""
    tree.put("m.jsonl", data="\n".join(map(json.dumps, rows)).encode())
    root = open_source(tree.url(mask_root), tree.settings) if mask_root else None
    kinds = {"with_masks": True, "with_boxes": False} | kinds
    items = manifest_items(open_source(tree.url("m.jsonl"), tree.settings), root, **kinds)
    found: list[dict[str, Any]] = items.table().to_pylist()
    return found


def test_images_and_masks_are_looked_up(tree) -> None:
    tree.put("a/x.png", "m/x.png", "m/y.png", "folder.png/")
    rows = rows_of(
        tree,
        [
            {"image": "a/x.png", "mask": ["m/y.png", tree.url("m/x.png")]},
            {"image": "a/gone.png", "mask": "m/x.png"},
            {"image": "folder.png"},
        ],
    )
    found = {row["output"]: row for row in rows}
    assert found["a/x.png"]["masks"] == [tree.url("m/x.png"), tree.url("m/y.png")]
    assert found["a/x.png"]["bytes"] == 1
    assert found["a/x.png"]["image_version"]
    assert found["a/x.png"]["mask_version"].count(";") == 1
    assert [found[n]["error"] for n in ("a/x.png", "a/gone.png", "folder.png")] == [
        None,
        "ImageUnreadable",
        "ImageUnreadable",
    ]
    assert "not found" in found["a/gone.png"]["message"]


def test_versions_equal_those_of_a_listing(tree) -> None:
    tree.put("x.png")
    from collections import Counter

    from tasks.catalog.listing import list_images

    listed = next(iter(list_images(open_source(tree.root, tree.settings), Counter())))
    assert rows_of(tree, [{"image": "x.png"}])[0]["image_version"] == listed.version


def test_odd_names(tree, odd_names: tuple[str, ...]) -> None:
    tree.put(*odd_names)
    rows = rows_of(tree, [{"image": name, "mask": tree.url(name)} for name in odd_names])
    assert sorted(row["output"] for row in rows) == sorted(odd_names)
    assert [row["error"] for row in rows] == [None] * len(odd_names)


@pytest.mark.parametrize("outside", ["../x.png", "s3://other/x.png", "a/../../x.png"])
def test_what_leaves_the_root(tree, outside: str) -> None:
    tree.put("x.png")
    rows = rows_of(tree, [{"image": outside}, {"image": "x.png", "mask": outside}])
    assert [row["error"] for row in rows] == ["StorageDenied"] * 2
    assert outside in {row["image"] for row in rows}
    assert rows_of(tree, [{"image": "x.png", "name": "../y.png"}])[0]["error"] == "StorageDenied"
    assert rows_of(tree, [{"image": "x.png", "mask": "a//b.png"}])[0]["error"] in ("StorageDenied", "MaskMissing")


def test_masks_under_their_own_root(tree) -> None:
    tree.put("x.png", "sub/m.png", "m.png")
    rows = rows_of(tree, [{"image": "x.png", "mask": ["m.png", tree.url("m.png")]}], mask_root="sub")
    assert rows[0]["masks"] == [tree.url("m.png"), tree.url("sub/m.png")]


def test_a_missing_mask(tree) -> None:
    tree.put("x.png", "m.png")
    rows = rows_of(tree, [{"image": "x.png", "mask": ["m.png", "gone.png"]}])
    assert rows[0]["error"] == "MaskMissing"
    assert "gone.png" in rows[0]["message"]


def test_rows_of_one_item_are_united(tree) -> None:
    tree.put("x.png", "m1.png", "m2.png")
    rows = rows_of(
        tree,
        [
            {"image": "x.png", "mask": "m2.png", "boxes": [1, 2, 3, 4]},
            {"image": "./x.png", "mask": ["m1.png", "m2.png"], "boxes": [[0, 0, 1, 1], [1, 2, 3, 4]]},
        ],
        with_boxes=True,
    )
    assert len(rows) == 1
    assert rows[0]["masks"] == [tree.url("m1.png"), tree.url("m2.png")]
    assert rows[0]["boxes"] == "[[0, 0, 1, 1], [1, 2, 3, 4]]"
    with pytest.raises(UsageError, match=r"m\.jsonl, line 2: .*different overrides"):
        rows_of(tree, [{"image": "x.png"}, {"image": "x.png", "override": {"a": 1}}])


def test_names_and_duplicates(tree) -> None:
    tree.put("x.png", "y.png", "z.png")
    rows = rows_of(
        tree,
        [
            {"image": "x.png", "name": "one"},
            {"image": "x.png", "name": "two.png"},
            {"image": "y.png", "name": "x.png"},
            {"image": "x.png"},
            {"image": "z.png", "name": "z"},
        ],
    )
    assert [(row["output"], row["error"]) for row in rows] == [
        ("one.png", None),
        ("two.png", None),
        ("x.png", "DuplicateItem"),
        ("x.png", "DuplicateItem"),
        ("z.png", None),
    ]
    assert len({row["item_id"] for row in rows}) == 5
    assert rows[4]["item_id"] == rows_of(tree, [{"image": "z.png"}])[0]["item_id"]


def test_boxes(tree) -> None:
    tree.put("x.png", "y.png", "z.png")
    rows = rows_of(
        tree,
        [{"image": "x.png", "boxes": "[[1,2,3,4]]"}, {"image": "y.png", "boxes": [[1, 2, 0, 4]]}, {"image": "z.png"}],
        with_boxes=True,
    )
    assert [(row["boxes"], row["error"]) for row in rows] == [
        ("[[1, 2, 3, 4]]", None),
        (None, "MaskMissing"),
        (None, "MaskMissing"),
    ]


def test_kinds_that_are_not_supported(tree) -> None:
    tree.put("x.gif", "y.txt", "z")
    assert {row["error"] for row in rows_of(tree, [{"image": n} for n in ("x.gif", "y.txt", "z")])} == {
        "ImageUnsupported"
    }


def test_credentials_in_a_row(tree) -> None:
    with pytest.raises(UsageError, match=r"line 1: .*credentials") as caught:
        rows_of(tree, [{"image": "s3://AKIA:SECRET@b/x.png"}])
    assert "SECRET" not in str(caught.value)


def test_look_up_is_in_order(bucket) -> None:
    bucket.put("a.png", "b.png")
    urls = [bucket.url("b.png"), bucket.url("gone.png"), bucket.url("a.png")]
    found = list(look_up(urls))
    assert [entry.path if isinstance(entry, Entry) else entry for entry in found] == [urls[0], None, urls[2]]
    assert list(look_up([])) == []


def test_one_refusal_costs_one_row(bucket, s3_faults) -> None:
    bucket.put("a.png")
    found = list(look_up([bucket.url("denied.png"), bucket.url("a.png")]))
    assert isinstance(found[0], StorageDenied)
    assert isinstance(found[1], Entry)


def test_storage_that_never_answers(bucket, s3_faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.store.retry.time.sleep", lambda _: None)
    s3_faults.fail("x.png", times=99)
    with pytest.raises(StorageUnavailable):
        list(look_up([bucket.url("x.png")]))
