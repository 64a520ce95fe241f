import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.catalog.pairing import Pairing, Template, ambiguous

DEFAULT = ("{dir}{stem}.*", "{dir}{stem}_mask{n}.*")
_NAME = st.text(alphabet="ab_.m1 [*%", min_size=1, max_size=6).filter(lambda name: name[0] != ".")
_PATHS = st.lists(
    st.builds(lambda d, s: f"{d}{s}.png", st.sampled_from(["", "a/", "a/b/"]), _NAME), unique=True, max_size=12
)


@pytest.mark.parametrize(
    ("template", "mask", "image", "fits"),
    [
        ("{dir}{stem}.*", "a/b/x.png", "a/b/x.jpg", True),
        ("{dir}{stem}.*", "a/x.png", "b/x.jpg", False),
        ("{dir}{stem}.*", "x.v2.png", "x.v2.jpg", True),
        ("{dir}{stem}.*", "x.jpg.png", "x.jpg", False),
        ("{dir}{stem}_mask{n}.*", "a/x_mask.png", "a/x.tif", True),
        ("{dir}{stem}_mask{n}.*", "x_mask001.png", "x.tif", True),
        ("{dir}{stem}_mask{n}.*", "x_mask_2.png", "x.tif", False),
        ("{dir}{stem}_mask{n}.*", "x_mask1_mask2.png", "x_mask1.tif", True),
        ("{dir}{name}.png", "a/x.jpg.png", "a/x.jpg", True),
        ("{dir}{name}.png", "x.JPG.PNG", "x.jpg", True),
        ("{dir}{name}", "x.JPG", "x.jpg", True),
        ("{dir}{stem}{suffix}", "x.png", "x.jpg", False),
        ("{dir}{stem}{suffix}", "x.PNG", "x.png", True),
        ("{dir}{stem}_m.PNG", "x_m.png", "x.png", True),
        ("{stem}.png", "x.png", "any/folder/x.jpg", True),
        ("{stem}.png", "a/x.png", "a/x.jpg", False),
        ("masks/{dir}{stem}.png", "masks/a/x.png", "a/x.jpg", True),
        ("{dir}masks/{stem}.png", "a/masks/x.png", "a/x.jpg", True),
        ("{dir}*/{stem}.png", "a/b/x.png", "a/x.jpg", True),
        ("*_{stem}.png", "mask_my_photo.png", "my_photo.jpg", True),
        ("{dir}{stem}-*.png", "a-b-scratch.png", "a-b.jpg", True),
        ("{dir}{stem}.*", "tab\tand\nline.png", "tab\tand\nline.jpg", True),
    ],
)
def test_fits(template: str, mask: str, image: str, fits: bool) -> None:
    found = Template(template)
    assert (found.mask_key(mask) == found.image_key(image)) is fits
    assert list(Pairing([template], [image]).images_of(mask)) == ([0] if fits else [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*.png",
        "{dir}.png",
        "{stem}{stem}",
        "{stem",
        "stem}",
        "{image}.png",
        "{stem}*.png",
        "{stem}{n}.png",
        "*{stem}.*",
    ],
)
def test_bad_templates(text: str) -> None:
    with pytest.raises(ValueError, match=r"allowed are|given twice|put a character between"):
        Template(text)


def test_a_literal_beyond_the_stem_tells_masks_from_images() -> None:
    assert [Template(t).telling for t in (*DEFAULT, "{dir}masks/{stem}.*", "{dir}{stem}{suffix}")] == [
        False,
        True,
        True,
        False,
    ]
    assert [t.text for t in Pairing(DEFAULT, [], among_images=True).templates] == ["{dir}{stem}_mask{n}.*"]


def test_one_mask_can_be_of_two_images() -> None:
    assert list(Pairing(DEFAULT, ["x.jpg", "y.jpg", "x.tif"]).images_of("x.png")) == [0, 2]


@pytest.mark.parametrize(
    ("masks", "united"),
    [
        (["x_mask001.png", "x_mask002.png"], True),
        (["x_mask.png", "x_mask1.PNG"], True),
        (["x_mask1.png", "x_mask2.jpg"], False),
        (["x.png", "x_mask1.png"], False),
        (["x_mask1.png", "x_mask1.PNG"], False),
        (["x.png", "x.tif"], False),
    ],
)
def test_united(masks: list[str], united: bool) -> None:
    assert Pairing(DEFAULT, ["x.jpg"]).united("x.jpg", masks) is united


def test_ambiguous_names_at_most_five() -> None:
    assert "a, b" in str(ambiguous(["a", "b"]))
    assert str(ambiguous(list("abcdefg"))).endswith("a, b, c, d, e, …")


@given(_PATHS, _PATHS)
def test_the_index_finds_what_comparing_every_pair_finds(images: list[str], masks: list[str]) -> None:
    pairing = Pairing(DEFAULT, images)
    templates = [Template(text) for text in DEFAULT]
    for mask in masks:
        slow = [i for i, image in enumerate(images) if any(t.mask_key(mask) == t.image_key(image) for t in templates)]
        assert sorted(pairing.images_of(mask)) == slow


@given(_PATHS)
def test_every_official_mask_name_finds_its_image(images: list[str]) -> None:
    pairing = Pairing(DEFAULT, images)
    for row, image in enumerate(images):
        for mask in (image, image.replace(".png", ".tif"), f"{image[:-4]}_mask.png", f"{image[:-4]}_mask007.png"):
            if mask.count(".png") + mask.count(".tif") == 1:
                assert row in list(pairing.images_of(mask))
