import pytest

from tasks.catalog.items import Items
from tasks.catalog.listing import Entry
from tasks.catalog.mask_files import pair_among, pair_with

DEFAULT = ("{dir}{stem}.*", "{dir}{stem}_mask{n}.*")


def items_of(*paths: str) -> Items:
    """Items of these images."""
    items = Items("/i/")
    for path in paths:
        items.add(path, path, 1, "v")
    return items


def outcome(items: Items) -> dict[str, object]:
    """Masks of each item, or its error."""
    return {
        row["output"]: row["error"] or [m.rpartition("/")[2] for m in row["masks"]] for row in items.table().to_pylist()
    }


def with_masks(items: Items, *masks: str, templates: tuple[str, ...] = DEFAULT) -> int:
    """Pair with masks below /m/."""
    entries = [Entry(mask, 1, f"v{i}") for i, mask in enumerate(masks)]
    return pair_with(items, "/m/", entries, templates, frozenset[str]().__contains__)


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        ((), "MaskMissing"),
        (("x.png",), ["x.png"]),
        (("x_mask.png",), ["x_mask.png"]),
        (("x_mask002.png", "x_mask001.png"), ["x_mask001.png", "x_mask002.png"]),
        (("x_mask002.png", "x.png"), "PairAmbiguous"),
        (("x.png", "x.tif"), "PairAmbiguous"),
        (("x.png", "x.psd"), ["x.png"]),
        (("x.psd",), "MaskUnreadable"),
        (("y.png",), "MaskMissing"),
    ],
)
def test_pair_with(masks: tuple[str, ...], expected: object) -> None:
    items = items_of("x.jpg")
    unused = with_masks(items, *masks)
    assert outcome(items) == {"x.jpg": expected}
    assert unused == (masks == ("y.png",))


def test_messages_help() -> None:
    items = items_of("x.jpg", "y.jpg")
    with_masks(items, "x.png", "x.tif")
    ambiguous, missing = items.table()["message"].to_pylist()
    assert ambiguous == "2 files could each be the mask: x.png, x.tif"
    assert missing == "no file under /m/ fits {dir}{stem}.* or {dir}{stem}_mask{n}.*"


def test_images_with_a_mask_are_left_alone() -> None:
    items = items_of("x.jpg", "y.jpg")
    items.give_mask(0, items.masks.add("/other/mine.png", "v"))
    with_masks(items, "x.png", "y.png")
    assert outcome(items) == {"x.jpg": ["mine.png"], "y.jpg": ["y.png"]}


def test_images_are_no_masks() -> None:
    items = items_of("x.jpg")
    pair_with(items, "/i/", [Entry("x.jpg", 1, ""), Entry("x.png", 1, "")], DEFAULT, {"/i/x.jpg"}.__contains__)
    assert outcome(items) == {"x.jpg": ["x.png"]}


def test_the_official_layout() -> None:
    items = items_of("x.png", "x_mask.png", "y.png", "y_mask001.png", "y_mask002.png", "z.png", "lone_mask.png")
    pair_among(items, DEFAULT)
    assert outcome(items) == {
        "x.png": ["x_mask.png"],
        "y.png": ["y_mask001.png", "y_mask002.png"],
        "z.png": "MaskMissing",
        "lone_mask.png": "MaskMissing",
    }


def test_nothing_among_the_images_is_lost() -> None:
    items = items_of("x.png", "x_mask.png", "x_mask_mask.png")
    pair_among(items, DEFAULT)
    assert outcome(items) == {"x.png": ["x_mask.png"], "x_mask_mask.png": "MaskMissing"}
    items = items_of("x.png", "x.jpg")
    pair_among(items, ("{dir}{stem}.png", "{dir}{stem}.jpg"))
    assert outcome(items) == {"x.png": "MaskMissing", "x.jpg": "MaskMissing"}


def test_two_images_of_one_stem_share_a_mask() -> None:
    items = items_of("x.jpg", "x.tif", "x_mask.png", "x_mask.tif")
    pair_among(items, DEFAULT)
    assert outcome(items) == {"x.jpg": "PairAmbiguous", "x.tif": "PairAmbiguous"}


def test_a_folder_named_like_a_mask() -> None:
    items = items_of("x.png")
    items.add("x_mask.png", "x_mask.png", 0, "", "is a directory")
    pair_among(items, DEFAULT)
    assert outcome(items) == {"x.png": "MaskUnreadable"}


def test_templates_of_the_user() -> None:
    items = items_of("a/x.png", "a/masks/x.png")
    pair_among(items, ("{dir}masks/{stem}.*",))
    assert outcome(items) == {"a/x.png": ["x.png"]}
