import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.store.metadata import thumbnail
from tasks.store.metadata.ifd import Structure
from tests.tasks.store.metadata.secret import Directory, is_red, jpeg, leaks, picture, result, structure

GREY = picture(30, 20)[:, :, 0]


def redrawn(payload: bytes, taken: tuple[tuple[int, int], ...] = ()) -> tuple[bytes, list[bool]]:
    blob, tiff = bytearray(payload), Structure(payload)
    outcomes = [o for d in tiff.chain() for o in thumbnail.redraw(blob, tiff, d, result(), taken)]
    assert len(blob) == len(payload)
    return bytes(blob), [drawn for drawn, _ in outcomes]


def strips(order: str, values: bytes, pieces: int = 1, **more: Any) -> bytes:
    """One directory with 30 × 20 pixels in strips."""
    size = -(-len(values) // pieces)
    parts = [values[at : at + size] for at in range(0, len(values), size)]
    start = 8 + 2 + 12 * (8 + ("compression" in more)) + 4
    places = tuple(start + size * i for i in range(len(parts)))
    directory: Directory = {
        0x0100: (3, 30),
        0x0101: (4, 20),
        0x0102: (3, (8, 8, 8)),
        0x0106: (3, 2),
        0x0111: (4, places),
        0x0115: (3, 3),
        0x0117: (4, tuple(len(p) for p in parts)),
        0x011C: (3, 1),
        -1: (0, {"pixels": values}),
    }
    names = {"bits": 0x0102, "photometric": 0x0106, "samples": 0x0115, "planar": 0x011C, "compression": 0x0103}
    directory |= {names[name]: value for name, value in more.items()}
    return structure(order, [directory])


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("pieces", [1, 3])
def test_rgb_strips(order: str, pieces: int) -> None:
    payload = strips(order, picture(30, 20).tobytes(), pieces)
    blob, drawn = redrawn(payload)
    assert drawn == [True]
    assert blob == payload.replace(picture(30, 20).tobytes(), result().fitted(30, 20).tobytes())


@pytest.mark.parametrize(("photometric", "sign"), [(1, 1), (0, -1)])
def test_grey_strips(photometric: int, sign: int) -> None:
    one: dict[str, Any] = {"bits": (3, 8), "photometric": (3, photometric), "samples": (3, 1)}
    payload = strips("<", GREY.tobytes(), **one)
    blob, drawn = redrawn(payload)
    at = payload.index(GREY.tobytes())
    pixels = np.frombuffer(blob[at : at + 600], np.uint8)
    assert drawn == [True] and blob[:at] + GREY.tobytes() + blob[at + 600 :] == payload
    assert abs(int(pixels.mean()) - (112 if sign > 0 else 143)) < 8


@pytest.mark.parametrize(
    "more",
    [
        {"compression": (3, 5)},
        {"compression": (3, 6)},
        {"photometric": (3, 6)},
        {"planar": (3, 2)},
        {"bits": (3, (16, 16, 16))},
        {"samples": (3, 4)},
    ],
    ids=str,
)
@pytest.mark.parametrize("pieces", [1, 3])
def test_strips_of_another_kind_become_zeros(more: dict[str, Any], pieces: int) -> None:
    values = picture(30, 20).tobytes()
    payload = strips("<", values, pieces, **more)
    assert redrawn(payload) == (payload.replace(values, bytes(len(values))), [False])


def test_strips_that_are_too_short_become_zeros() -> None:
    values = picture(30, 20).tobytes()[:-1]
    payload = strips("<", values)
    assert redrawn(payload) == (payload.replace(values, bytes(len(values))), [False])


@pytest.mark.parametrize(("offset", "length"), [(0x0201, 0x0202), (0x0111, 0x0117)])
@pytest.mark.parametrize("type_", [3, 4])
def test_jpeg(offset: int, length: int, type_: int) -> None:
    thumb = jpeg(160, 120)
    directory: Directory = {0x0103: (3, 6), offset: (4, "@t"), length: (type_, len(thumb)), -1: (0, {"t": thumb})}
    payload = structure(">", [directory])
    blob, drawn = redrawn(payload)
    assert drawn == [True] and leaks(payload) and not leaks(blob)
    tiff = Structure(blob)
    start, size = (tiff.integer(tiff.chain()[0], tag) for tag in (offset, length))
    image = Image.open(io.BytesIO(blob[start : start + size]))
    assert image.size == (160, 120) and not is_red(np.asarray(image))
    assert blob[start + size - 2 : start + size] == b"\xff\xd9" and not any(blob[start + size : start + len(thumb)])


@pytest.mark.parametrize("wrong", [1, 100, 10**6])
def test_a_wrong_length_leaves_what_is_behind(wrong: int) -> None:
    thumb = jpeg(160, 120)
    blobs = (0, {"t": thumb, "other": b"other"})
    payload = structure("<", [{0x0201: (4, "@t"), 0x0202: (4, wrong), -1: blobs}])
    blob, drawn = redrawn(payload)
    assert drawn == [True] and blob.endswith(b"other") and not leaks(blob)


def test_no_jpeg_becomes_zeros_but_for_what_is_taken() -> None:
    blobs = (0, {"t": b"0123456789"})
    payload = structure("<", [{0x0201: (4, "@t"), 0x0202: (4, 10), -1: blobs}])
    at = payload.index(b"0123")
    blob, drawn = redrawn(payload, ((at + 2, at + 4), (at + 3, at + 5)))
    assert drawn == [False] and blob[at:] == b"\0\x00234\0\0\0\0\0"


@pytest.mark.parametrize(
    "entries", [{}, {0x0201: (4, 10**9), 0x0202: (4, 5)}, {0x0201: (4, 8), 0x0202: (4, 0)}], ids=str
)
def test_no_picture(entries: Directory) -> None:
    payload = structure("<", [{0x0112: (3, 1), **entries}])
    assert redrawn(payload) == (payload, [])
