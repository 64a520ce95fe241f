import io

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from tasks.store.metadata import jfif, raw_rgb
from tasks.store.metadata.renewed import Renewed
from tests.tasks.store.metadata.secret import hostile, is_red, jpeg, leaks, picture, result

HEAD = b"JFIF\0\1\2\1\0\x48\0\x48"
ANEW, DROPPED = ("JFIF thumbnail made anew",), ("JFIF thumbnail dropped",)
PIXELS = picture(30, 20).tobytes()
PALETTE = raw_rgb.palette(result(), 30, 20)


@pytest.mark.parametrize("head", [HEAD + b"\x1e\x14", b"JFXX\0\x13\x1e\x14"])
def test_rgb(head: bytes) -> None:
    made = jfif.renewed(head + PIXELS + b"rest", result())
    assert made == Renewed(head + result().fitted(30, 20).tobytes() + b"rest", ANEW)


def test_palette() -> None:
    head = b"JFXX\0\x11\x1e\x14"
    made = jfif.renewed(head + bytes(range(256)) * 3 + bytes(600) + b"rest", result())
    assert made == Renewed(head + PALETTE + b"rest", ANEW)


def test_jpeg() -> None:
    payload = b"JFXX\0\x10" + jpeg(64, 48)
    made = jfif.renewed(payload, result())
    assert made.notes == ANEW and len(made.data) == len(payload)
    image = Image.open(io.BytesIO(made.data[6:]))
    assert image.size == (64, 48) and not is_red(np.asarray(image)) and not leaks(made.data)


@pytest.mark.parametrize("head", [HEAD, b"JFXX\0\x13"])
def test_part_of_a_thumbnail(head: bytes) -> None:
    made = jfif.renewed(head + b"\x1e\x14" + PIXELS[:-1], result())
    assert made == Renewed(head + bytes(2 + len(PIXELS) - 1), DROPPED)


@pytest.mark.parametrize(
    "payload", [b"", HEAD, HEAD + bytes(2), HEAD + b"\x05\0", HEAD + b"\0\0more", b"JFXX\0", b"CIFF", b"AVI1"]
)
def test_nothing_embedded(payload: bytes) -> None:
    assert jfif.renewed(payload, result()) == Renewed(payload)


@pytest.mark.parametrize("head", [HEAD + b"\0\0", HEAD + b"\1\1" + result().draw(1, 1).tobytes(), b"CIFF"])
def test_a_jpeg_where_none_should_be(head: bytes) -> None:
    made = jfif.renewed(head + jpeg(), result())
    assert made.notes == ANEW and made.data.startswith(head) and not leaks(made.data)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(hostile(HEAD + b"\x1e\x14" + PIXELS, b"JFXX\0\x11\x1e\x14" + PALETTE, b"JFXX\0\x10" + jpeg(40, 30)))
def test_hostile_bytes(payload: bytes) -> None:
    made = jfif.renewed(payload, result())
    assert len(made.data) == len(payload) and (bool(made.notes) or made.data == payload)
    assert not leaks(made.data)
