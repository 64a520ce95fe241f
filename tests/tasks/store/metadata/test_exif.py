import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from tasks.store.metadata import exif
from tests.tasks.store.metadata.secret import Directory, hostile, is_red, jpeg, leaks, picture, result, structure, tags
from tests.tasks.store.metadata.secret import exif as camera

THUMBNAIL, PREVIEW = "EXIF thumbnail", "preview in the maker note"
ORDERS = pytest.mark.parametrize("order", "<>")


def by_pillow(payload: bytes) -> tuple[dict[int, object], dict[int, object], dict[int, object]]:
    """IFD0, Exif IFD and IFD1 as Pillow reads them."""
    found = Image.Exif()
    found.load(b"Exif\0\0" + payload)
    return dict(found), found.get_ifd(ExifTags.IFD.Exif), found.get_ifd(ExifTags.IFD.IFD1)


def embedded(payload: bytes) -> Image.Image:
    """The thumbnail where IFD1 says that it is."""
    second = by_pillow(payload)[2]
    start, size = int(str(second[0x0201])), int(str(second[0x0202]))
    return Image.open(io.BytesIO(payload[start : start + size]))


@ORDERS
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_orientation(order: str, prefix: bytes) -> None:
    for value in range(1, 9):
        assert exif.orientation(prefix + structure(order, [{0x0112: (3, value)}])) == value
        assert exif.orientation(structure(order, [{0x0112: (4, value)}])) == value


@pytest.mark.parametrize(
    "entry", [{0x0112: (3, 0)}, {0x0112: (3, 9)}, {0x0112: (2, b"6\0")}, {0x0110: (3, 6)}], ids=str
)
def test_no_orientation(entry: dict[int, tuple[int, object]]) -> None:
    assert exif.orientation(structure("<", [entry])) == 1


@settings(derandomize=True, deadline=None)
@given(hostile(camera("<"), camera(">")))
def test_orientation_of_hostile_bytes(payload: bytes) -> None:
    assert exif.orientation(payload) in range(1, 9)


@ORDERS
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_thumbnail_and_preview(order: str, prefix: bytes) -> None:
    payload = camera(order, jpeg(), b"abc" + jpeg(320, 240) + b"xyz")
    made = exif.renewed(prefix + payload, result())
    assert made.notes == (f"{THUMBNAIL} made anew", f"{PREVIEW} made anew")
    assert made.data.startswith(prefix) and len(made.data) == len(prefix + payload)
    assert leaks(payload) and not leaks(made.data)
    data = made.data.removeprefix(prefix)
    before, after = tags(payload), tags(data)
    changed = [(number, tag) for number, d in enumerate(before) for tag in d if after[number][tag] != d[tag]]
    assert changed == [(1, 0x0202), (2, 0x927C)]
    note, new = before[2][0x927C], after[2][0x927C]
    assert note[:9] == new[:9] and note[-3:] == new[-3:]


@ORDERS
def test_thumbnail_is_the_result(order: str) -> None:
    made = exif.renewed(camera(order, jpeg()), result())
    image = embedded(made.data)
    assert image.size == (160, 120) and image.format == "JPEG"
    pixels = np.asarray(image).astype(int)
    assert np.abs(pixels - result().fitted(160, 120)).mean() < 5 and not is_red(pixels)
    # 3:2 in 4:3.
    assert pixels[:4].max() < 40 and pixels[-4:].max() < 40


@given(st.binary(max_size=300), st.sampled_from("<>"), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_all_but_the_pictures_is_equal(note: bytes, order: str, thumb: bool, preview: bool) -> None:
    first, second = jpeg(64, 48) if thumb else None, jpeg(48, 36) if preview else b""
    payload = camera(order, first, note + second)
    made = exif.renewed(payload, result())
    assert bool(made.notes) == (thumb or preview) and len(made.data) == len(payload)
    spans = [(at, at + len(p)) for p in (first, second) if p for at in [payload.index(p)]]
    rest = [at for at in range(len(payload)) if not any(a <= at < b for a, b in spans)]
    changed = [at for at in rest if made.data[at] != payload[at]]
    assert len(changed) <= 2 * thumb
    if not thumb:
        assert not changed
    before, after = by_pillow(payload), by_pillow(made.data)
    for one, other in zip(before, after, strict=True):
        assert {k: v for k, v in one.items() if k not in (0x0202, 0x927C)} == {
            k: v for k, v in other.items() if k not in (0x0202, 0x927C)
        }


@ORDERS
@pytest.mark.parametrize("thumb", [b"no picture at all", jpeg()[:100]], ids=["text", "cut off"])
def test_what_cannot_be_drawn_goes_with_its_directory(order: str, thumb: bytes) -> None:
    payload = camera(order, thumb, b"a note")
    made = exif.renewed(payload, result())
    assert made.notes == (f"{THUMBNAIL} dropped",) and len(made.data) == len(payload)
    before, after = tags(payload), tags(made.data)
    assert after == [before[0], before[2]]
    assert thumb not in made.data and by_pillow(made.data)[2] == {}


def test_a_directory_behind_the_dropped_one_stays() -> None:
    thumb = (0, {"thumb": b"nothing"})
    directories: list[Directory] = [
        {0x0112: (3, 6)},
        {0x0201: (4, "@thumb"), 0x0202: (4, 7), -1: thumb},
        {0x0103: (3, 6)},
    ]
    made = exif.renewed(structure("<", directories), result())
    assert tags(made.data) == [{0x0112: b"\6\0"}, {0x0103: b"\6\0"}]


@ORDERS
def test_uncompressed(order: str) -> None:
    pixels = picture(30, 20).tobytes()
    entries = {0x0100: (3, 30), 0x0101: (3, 20), 0x0102: (3, (8, 8, 8)), 0x0103: (3, 1), 0x0106: (3, 2), 0x0115: (3, 3)}
    strip = {0x0111: (4, "@pixels"), 0x0117: (4, len(pixels)), -1: (0, {"pixels": pixels})}
    payload = camera(order, second={**entries, **strip})
    made = exif.renewed(payload, result())
    assert made.data == payload.replace(pixels, result().fitted(30, 20).tobytes())
    assert made.notes == (f"{THUMBNAIL} made anew",)


def test_a_preview_in_a_sub_directory() -> None:
    preview = jpeg(320, 240)
    below = {0x0201: (4, "@p"), 0x0202: (4, len(preview)), -1: (0, {"p": preview})}
    payload = camera("<", jpeg(), first={0x014A: (4, below)})
    made = exif.renewed(payload, result())
    assert made.notes == (f"{THUMBNAIL} made anew",) and not leaks(made.data)


def test_nothing_embedded() -> None:
    for payload in (camera("<"), camera(">", maker_note=bytes(range(256))), b"", b"Exif\0\0", b"no structure"):
        assert exif.renewed(payload, result()) == type(exif.renewed(b"", result()))(payload)


def test_a_preview_where_there_is_no_structure() -> None:
    made = exif.renewed(b"IIRO" + jpeg() + b"end", result())
    assert made.notes == (f"{PREVIEW} made anew",) and made.data.endswith(b"end") and not leaks(made.data)


def test_what_was_made_anew_is_made_anew_again_to_the_same() -> None:
    once = exif.renewed(camera("<", jpeg(), jpeg(90, 60)), result())
    twice = exif.renewed(once.data, result())
    assert not leaks(twice.data) and len(twice.data) == len(once.data)
    dropped = exif.renewed(camera("<", b"nothing"), result())
    assert exif.renewed(dropped.data, result()).notes == ()


@settings(max_examples=80, deadline=None, derandomize=True)
@given(hostile(camera("<", jpeg(48, 36), b"n" + jpeg(40, 40)), camera(">", jpeg(48, 36))))
def test_hostile_bytes(payload: bytes) -> None:
    made = exif.renewed(payload, result())
    assert len(made.data) == len(payload)
    assert bool(made.notes) or made.data == payload
    assert not leaks(made.data)


def test_directories_that_all_claim_everything() -> None:
    size = 60_000
    everything = {0x0111: (4, (8,) * 1000), 0x0117: (4, (size,) * 1000)}
    payload = structure("<", [{0x0112: (3, 3), **everything}] * 8) + jpeg(800, 600)
    made = exif.renewed(payload, result())
    assert len(made.data) == len(payload) and not leaks(made.data)
    assert exif.orientation(made.data) == 3
