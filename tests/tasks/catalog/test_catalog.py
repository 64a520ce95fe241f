import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.catalog import catalog as module
from tasks.catalog.catalog import UNUSED_MASK, Catalog, build_catalog
from tasks.catalog.listing import HIDDEN, NOT_AN_IMAGE, Entry, list_images
from tasks.catalog.schema import CATALOG_SCHEMA
from tasks.errors import UsageError


def catalog_of(tree, images: str = "", masks: str | None = None, mask_source: str = "file", **changes: Any) -> Catalog:
    """The catalog of names below the tree's root."""
    found = build_catalog(
        f"{tree.root}/{images}",
        None if masks is None else f"{tree.root}/{masks}",
        source=tree.settings.model_copy(update=changes),
        mask_source=mask_source,
    )
    found.table.validate(full=True)
    assert found.table.schema == CATALOG_SCHEMA
    return found


def outcome(tree, *args: Any, **kwargs: Any) -> dict[str, object]:
    """Masks of each item (relative to the tree), or its error."""
    return {
        row["output"]: row["error"] or [mask.removeprefix(f"{tree.root}/") for mask in row["masks"]]
        for row in catalog_of(tree, *args, **kwargs).table.to_pylist()
    }


def test_two_folders(tree) -> None:
    tree.put("i/a/x.jpg", "i/y.png", "i/z.png", "i/Thumbs.db", "i/.h.png", "i/v.gif")
    tree.put("m/a/x.png", "m/y_mask.png", "m/other.png", "m/v.png", "m/z.png", "m/z.tif")
    assert outcome(tree, "i", "m") == {
        "a/x.jpg": ["m/a/x.png"],
        "y.png": ["m/y_mask.png"],
        "z.png": "PairAmbiguous",
        "v.gif": "ImageUnsupported",
    }
    found = catalog_of(tree, "i", "m")
    assert (found.image_root, found.mask_root) == (tree.url("i/"), tree.url("m/"))
    assert found.ignored == {HIDDEN: 1, NOT_AN_IMAGE: 1, UNUSED_MASK: 1}
    assert found.table["image"][0].as_py() == tree.url("i/a/x.jpg")


def test_odd_names(tree, odd_names: tuple[str, ...]) -> None:
    tree.put(*(f"i/{name}" for name in odd_names), *(f"m/{name}" for name in odd_names))
    assert outcome(tree, "i", "m") == {name: [f"m/{name}"] for name in odd_names}
    for name in odd_names:
        assert outcome(tree, f"i/{name}", f"m/{name}") == {name: [f"m/{name}"]}


def test_masks_among_images(tree) -> None:
    tree.put("x.png", "x_mask001.png", "x_mask002.png", "sub/y.jpg", "sub/y_mask.png", "z.png")
    expected = {"x.png": ["x_mask001.png", "x_mask002.png"], "sub/y.jpg": ["sub/y_mask.png"], "z.png": "MaskMissing"}
    assert outcome(tree) == outcome(tree, "", "") == outcome(tree, "**/*") == expected
    assert catalog_of(tree, "", "").mask_root is None


def test_masks_inside_the_images_folder(tree) -> None:
    tree.put("x.png", "sub/y.png", "masks/x.png", "masks/sub/y.png", "masks/more.png")
    expected = {"x.png": ["masks/x.png"], "sub/y.png": ["masks/sub/y.png"]}
    assert outcome(tree, "", "masks") == outcome(tree, "", "masks/**") == expected


def test_masks_by_a_glob_in_the_same_folder(tree) -> None:
    tree.put("x.jpg", "x.png", "y.jpg", "y.png")
    expected = {"x.jpg": ["x.png"], "y.jpg": ["y.png"]}
    assert outcome(tree, "*.jpg", "*.png") == outcome(tree, "", "*.png") == outcome(tree, "*.jpg", "") == expected
    with pytest.raises(UsageError, match="every image"):
        outcome(tree, "*.jpg", "*")


def test_one_and_one(tree) -> None:
    tree.put("x.png", "scribble.png", "y.png", "m/x_mask.png")
    assert outcome(tree, "x.png", "scribble.png") == {"x.png": ["scribble.png"]}
    assert outcome(tree, "x.png", "m") == {"x.png": ["m/x_mask.png"]}
    assert outcome(tree, "x.png", "x.png") == outcome(tree, "x.png") == {"x.png": "MaskMissing"}
    with pytest.raises(UsageError, match=r"mask\.source=shared"):
        outcome(tree, "*.png", "scribble.png")


def test_shared(tree) -> None:
    tree.put("x.png", "y.png", "stamp.png")
    assert outcome(tree, "", "stamp.png", "shared") == {"x.png": ["stamp.png"], "y.png": ["stamp.png"]}
    for masks in (None, "", "*.png"):
        with pytest.raises(UsageError, match="one mask file"):
            outcome(tree, "", masks, "shared")


@pytest.mark.parametrize("mask_source", ["alpha", "colour"])
def test_masks_that_are_no_files(tree, mask_source: str) -> None:
    tree.put("x.png", "x_mask.png")
    assert outcome(tree, "", None, mask_source) == {"x.png": [], "x_mask.png": []}
    with pytest.raises(UsageError, match="takes no MASKS"):
        outcome(tree, "", "x_mask.png", mask_source)


def test_a_manifest(tree) -> None:
    tree.put("i/x.png", "i/y.png", "i/z.png", "m/x.png", "m/y.png", "boxes.jsonl")
    rows: list[dict[str, Any]] = [
        {"image": "i/x.png", "mask": "m/y.png", "boxes": [[1, 2, 3, 4]], "override": {"b": 1, "a": 2}},
        {"image": "i/y.png"},
        {"image": "i/z.png"},
    ]
    tree.put("list.jsonl", data="\n".join(map(json.dumps, rows)).encode())
    missing = {"i/y.png": "MaskMissing", "i/z.png": "MaskMissing"}
    assert outcome(tree, "list.jsonl") == {"i/x.png": ["m/y.png"], **missing}
    assert outcome(tree, "list.jsonl", None, "alpha") == {"i/x.png": [], "i/y.png": [], "i/z.png": []}
    boxes = catalog_of(tree, "list.jsonl", None, "boxes").table
    assert boxes["boxes"].to_pylist() == ["[[1, 2, 3, 4]]", None, None]
    assert boxes["override"].to_pylist() == ['{"a":2,"b":1}', None, None]
    assert boxes["masks"].to_pylist() == [[], [], []]
    # Masks that the manifest does not name are found by template; the manifest lies where the masks do.
    pair = ("{dir}{stem}.*", "m/{stem}.*")
    assert outcome(tree, "list.jsonl", "", pair=pair) == {
        "i/x.png": ["m/y.png"],
        "i/y.png": ["m/y.png"],
        "i/z.png": "MaskMissing",
    }
    with pytest.raises(UsageError, match="is a manifest"):
        outcome(tree, "i", "list.jsonl")
    with pytest.raises(UsageError, match="needs a manifest"):
        outcome(tree, "i", None, "boxes")
    with pytest.raises(UsageError, match="there are 2 images"):
        outcome(tree, "list.jsonl", "m/x.png")


def test_the_root_of_a_manifest(tree) -> None:
    tree.put("i/x.png", "i/m/x.png")
    tree.put("lists/list.csv", data=b"image,mask\nx.png,m/x.png\n")
    assert outcome(tree, "lists/list.csv", root=tree.url("i")) == {"x.png": ["i/m/x.png"]}
    assert outcome(tree, "lists/list.csv") == {"x.png": "ImageUnreadable"}
    with pytest.raises(UsageError, match="for manifests"):
        outcome(tree, "i", root=tree.url("i"))


def test_names_do_not_depend_on_where_the_root_is(local, bucket, memory) -> None:
    tables = []
    for tree in (local, bucket, memory):
        tree.put("i/a/x.png", "i/b.png", "m/a/x.png")
        tables.append(catalog_of(tree, "i", "m").table)
    for column in ("item_id", "output", "bytes", "error"):
        assert tables[0][column].equals(tables[1][column])
        assert tables[0][column].equals(tables[2][column])


def test_an_archive_that_grows_invents_nothing(tree) -> None:
    tree.put("b.png", "b_mask.png")
    before = catalog_of(tree).table
    tree.put("a.png", "a_mask.png", "c.png", "c_mask.png")
    after = catalog_of(tree).table
    assert [row for row in after.to_pylist() if row["output"] == "b.png"] == before.to_pylist()


def test_a_version_that_changes(tree) -> None:
    tree.put("x.png", "x_mask.png")
    before = catalog_of(tree).table.to_pylist()[0]
    tree.put("x.png", data=b"longer")
    after = catalog_of(tree).table.to_pylist()[0]
    assert before["image_version"] != after["image_version"]
    assert before["mask_version"] == after["mask_version"]
    assert (before["item_id"], after["bytes"]) == (after["item_id"], 6)


def test_missing(tree) -> None:
    tree.put("x.png")
    with pytest.raises(UsageError, match="does not exist"):
        outcome(tree, "gone")
    with pytest.raises(UsageError, match="does not exist"):
        outcome(tree, "x.png", "gone")
    with pytest.raises(UsageError, match="matches no file"):
        outcome(tree, "*.tif")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(
        st.from_regex(r"([ab]/)?[xyü](_mask[12]?)?\.(png|jpg|gif)", fullmatch=True), unique=True, max_size=15
    ),
    seed=st.integers(0, 99),
    with_masks=st.booleans(),
)
def test_the_order_of_a_listing_does_not_matter(
    local, monkeypatch: pytest.MonkeyPatch, names: list[str], seed: int, with_masks: bool
) -> None:
    def listing(order: list[str]) -> Any:
        def entries(source: Any, ignored: Any) -> Any:
            if with_masks:
                wanted = "m" if source.prefix.endswith("/m/") else "i"
                return (Entry(n, 1, "v") for n in order if ("_mask" in n) == (wanted == "m"))
            return (Entry(n, 1, "v") for n in order)

        return entries

    local.put("i/x.png", "m/x.png")
    shuffled = random.Random(seed).sample(names, len(names))
    tables = []
    for order in (names, shuffled):
        monkeypatch.setattr(module, "list_images", listing(order))
        tables.append(catalog_of(local, "i", "m" if with_masks else None).table)
    monkeypatch.setattr(module, "list_images", list_images)
    assert tables[0].equals(tables[1])
    assert tables[0].num_rows <= len(names)
