import base64
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from tasks.store.metadata import photoshop
from tasks.store.metadata.renewed import Renewed
from tests.tasks.store.metadata.secret import exif, hostile, is_red, jpeg, leaks, picture, result, text_leaks

ANEW, DROPPED = ("Photoshop thumbnail made anew",), ("Photoshop thumbnail dropped",)
PREFIXES = pytest.mark.parametrize("prefix", [b"", b"Photoshop 3.0\0"])
BEFORE_AFTER = (1005, bytes(16)), (1028, b"\x1c\x02\x50\0\5Title")


def resource(number: int, data: bytes, name: bytes = b"", signature: bytes = b"8BIM") -> bytes:
    pascal = bytes([len(name)]) + name
    return (
        signature
        + struct.pack(">H", number)
        + pascal
        + bytes(len(pascal) % 2)
        + struct.pack(">I", len(data))
        + data
        + bytes(len(data) % 2)
    )


def thumbnail(stream: bytes, kind: int = 1, width: int = 160, height: int = 120, row_bytes: int = 480) -> bytes:
    return struct.pack(">6I2H", kind, width, height, row_bytes, row_bytes * height, len(stream), 24, 1) + stream


def around(*middle: bytes) -> bytes:
    return resource(*BEFORE_AFTER[0]) + b"".join(middle) + resource(*BEFORE_AFTER[1], name=b"odd", signature=b"MeSa")


@PREFIXES
@pytest.mark.parametrize("number", [1033, 1036])
def test_jpeg(prefix: bytes, number: int) -> None:
    stream = jpeg()
    payload = prefix + around(resource(number, thumbnail(stream)))
    made = photoshop.renewed(payload, result())
    assert made.notes == ANEW and len(made.data) == len(payload) and leaks(payload) and not leaks(made.data)
    at = payload.index(thumbnail(stream))
    new = made.data[at : at + 28 + len(stream)]
    size = struct.unpack_from(">I", new, 20)[0]
    assert new[:20] == thumbnail(stream)[:20] and new[24:28] == thumbnail(stream)[24:28]
    assert new[28 + size - 2 : 28 + size] == b"\xff\xd9" and not any(new[28 + size :])
    assert made.data[:at] == payload[:at] and made.data[at + len(new) :] == payload[at + len(new) :]
    pixels = np.asarray(Image.open(io.BytesIO(new[28:])))[:, :, :: -1 if number == 1033 else 1]
    assert np.abs(pixels.astype(int) - result().fitted(160, 120)).mean() < 5 and not is_red(pixels)


@pytest.mark.parametrize(("number", "step"), [(1033, -1), (1036, 1)])
def test_raw(number: int, step: int) -> None:
    rows = np.pad(picture(30, 20).reshape(20, 90), ((0, 0), (0, 2)))
    payload = around(resource(number, thumbnail(rows.tobytes(), 0, 30, 20, 92)))
    made = photoshop.renewed(payload, result())
    expected = np.pad(result().fitted(30, 20)[:, :, ::step].reshape(20, 90), ((0, 0), (0, 2)))
    assert made == Renewed(payload.replace(rows.tobytes(), expected.tobytes()), ANEW)


@pytest.mark.parametrize("data", [b"neither", jpeg()[:80], b"\0\0\0\1"], ids=len)
def test_what_cannot_be_drawn_is_dropped(data: bytes) -> None:
    payload = around(resource(1036, thumbnail(data)))
    made = photoshop.renewed(payload, result())
    empty = struct.pack(">6I2H", 1, 0, 0, 0, 0, 0, 24, 1) + bytes(len(data))
    assert made == Renewed(around(resource(1036, empty)), DROPPED)
    assert photoshop.renewed(made.data, result()) == Renewed(made.data)


def test_other_resources() -> None:
    packet = b'<x:xmpmeta a:image="' + base64.b64encode(jpeg(64, 48)) + b'"/>'
    payload = around(
        resource(1028, b"\x1c\x08\x0a\x7f\xff" + jpeg()),
        resource(1058, exif("<", jpeg())),
        resource(1060, packet),
        resource(4000, b"plug-in" + jpeg()),
    )
    made = photoshop.renewed(payload, result())
    assert made.notes == (
        "preview in the IPTC data made anew",
        "EXIF thumbnail made anew",
        "XMP thumbnail made anew",
        "Photoshop preview made anew",
    )
    assert len(made.data) == len(payload) and not leaks(made.data) and not text_leaks(made.data)
    assert photoshop.renewed(b"?" + payload, result()).notes and not leaks(
        photoshop.renewed(b"?" + payload, result()).data
    )


@PREFIXES
def test_nothing_embedded(prefix: bytes) -> None:
    for payload in (b"", around(), b"8BIM", around()[:-3], b"8BPS" + bytes(40), around(resource(1036, bytes(28)))):
        assert photoshop.renewed(prefix + payload, result()) == Renewed(prefix + payload)


def test_a_thumbnail_that_goes_on_in_the_next_segment() -> None:
    payload = resource(1036, thumbnail(jpeg()))
    made = photoshop.renewed(payload[:-300], result())
    assert made.notes and not leaks(made.data + payload[-300:])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    hostile(
        around(resource(1036, thumbnail(jpeg(48, 36)), b"name")),
        around(resource(1033, thumbnail(picture(30, 20).tobytes(), 0, 30, 20, 90))),
        around(resource(1058, exif(">", jpeg(48, 36)))),
    )
)
def test_hostile_bytes(payload: bytes) -> None:
    made = photoshop.renewed(payload, result())
    assert len(made.data) == len(payload) and (bool(made.notes) or made.data == payload)

    assert not leaks(made.data)
