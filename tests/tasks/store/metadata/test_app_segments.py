import base64
import hashlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.metadata import app_segments, exif, jfif
from tests.tasks.store.metadata import secret
from tests.tasks.store.metadata.secret import hostile, jpeg, leaks, result, text_leaks
from tests.tasks.store.metadata.test_photoshop import resource, thumbnail

XMP, EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
EXTENDED = b'<x:xmpmeta GImage:Data="' + base64.b64encode(jpeg()) + b'"/>'
CAMERA = secret.exif("<", jpeg(), b"abc" + jpeg(200, 150))
JFIF = b"JFIF\0\1\2\1\0\x48\0\x48\x08\x06" + secret.picture(8, 6).tobytes()
RESOURCES = resource(1005, bytes(16)) + resource(1036, thumbnail(jpeg())) + resource(1028, b"caption")
PROFILE = b"ICC_PROFILE\0\1\1" + jpeg(16, 16)


def pieces(blob: bytes, count: int) -> list[bytes]:
    size = -(-len(blob) // count)
    return [blob[at : at + size] for at in range(0, len(blob), size)]


def extended(blob: bytes = EXTENDED, count: int = 3, guid: bytes | None = None) -> list[tuple[int, bytes]]:
    guid = guid or hashlib.md5(blob).hexdigest().upper().encode()
    at, found = 0, [(0xE1, XMP + b'<x:xmpmeta xmpNote:HasExtendedXMP="' + guid + b'"/>')]
    for piece in pieces(blob, count):
        found.append((0xE1, EXTENSION + guid + struct.pack(">II", len(blob), at) + piece))
        at += len(piece)
    return found


def test_each_kind() -> None:
    segments = [
        (0xE0, JFIF),
        (0xE1, b"Exif\0\0" + CAMERA),
        *extended(),
        (0xE2, PROFILE),
        *((0xED, b"Photoshop 3.0\0" + p) for p in pieces(RESOURCES, 2)),
        (0xEE, b"Adobe\0\x64\0\0\0\0\1"),
        (0xFE, b"a comment"),
    ]
    made, notes = app_segments.renewed(segments, result())
    assert notes == (
        "JFIF thumbnail made anew",
        "EXIF thumbnail made anew",
        "preview in the maker note made anew",
        "XMP thumbnail made anew",
        "Photoshop thumbnail made anew",
    )
    assert [(m, len(p)) for m, p in made] == [(m, len(p)) for m, p in segments]
    assert made[0] == (0xE0, jfif.renewed(JFIF, result()).data)
    assert made[1] == (0xE1, b"Exif\0\0" + exif.renewed(CAMERA, result()).data)
    assert [made[i] for i in (6, 9, 10)] == [segments[i] for i in (6, 9, 10)]
    assert not leaks(b"".join(p for _, p in made if p != PROFILE))


def test_extended_xmp_over_segments_that_stand_in_another_order() -> None:
    main, *parts = extended(count=4)
    made, notes = app_segments.renewed([parts[2], parts[0], main, parts[3], parts[1]], result())
    assert notes == ("XMP thumbnail made anew",)
    head = len(EXTENSION) + 40
    joined = b"".join(sorted((p[head - 4 :] for m, p in made if p.startswith(EXTENSION))))
    content = b"".join(p[head:] for p in (made[i][1] for i in (1, 4, 0, 3)))
    assert len(joined) == len(content) + 16 and len(content) == len(EXTENDED)
    assert text_leaks(EXTENDED) and not text_leaks(content)
    guid = hashlib.md5(content).hexdigest().upper().encode()
    assert all(guid in p for _, p in made)


def test_a_name_that_is_no_digest_stays() -> None:
    guid = b"0123456789ABCDEF" * 2
    made, notes = app_segments.renewed(extended(guid=guid), result())
    assert notes and all(guid in p for _, p in made)


def test_exif_over_segments() -> None:
    segments = [(0xE1, b"Exif\0\0" + p) for p in pieces(CAMERA, 3)]
    made, notes = app_segments.renewed(segments, result())
    assert b"".join(p[6:] for _, p in made) == exif.renewed(CAMERA, result()).data
    assert len(notes) == 2


def test_exif_whose_padding_is_no_zero() -> None:
    ((_, made),), notes = app_segments.renewed([(0xE1, b"Exif\0\xff" + CAMERA)], result())
    assert made == b"Exif\0\xff" + exif.renewed(CAMERA, result()).data and len(notes) == 2


@pytest.mark.parametrize("count", [1, 3])
def test_a_preview_over_other_segments(count: int) -> None:
    segments = [(0xE3 + i, p) for i, p in enumerate(pieces(jpeg(), count))]
    made, notes = app_segments.renewed([*segments, (0xFE, b"comment")], result())
    assert notes == ("preview in an application segment made anew",) and made[-1] == (0xFE, b"comment")
    assert not leaks(b"".join(p for _, p in made))


def test_nothing_embedded() -> None:
    segments = [
        (0xE0, JFIF[:12] + bytes(2)),
        (0xE1, b"Exif\0\0" + secret.exif("<")),
        (0xE1, EXTENSION),
        (0xE2, PROFILE),
    ]
    assert app_segments.renewed(segments, result()) == (segments, ())
    assert app_segments.renewed([], result()) == ([], ())


PAYLOADS = [
    JFIF,
    b"Exif\0\0" + secret.exif(">", jpeg(40, 30)),
    XMP + EXTENDED,
    b"Photoshop 3.0\0" + RESOURCES,
    extended()[1][1],
]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from([0xE0, 0xE1, 0xE2, 0xED, 0xFE]), hostile(*PAYLOADS)), max_size=5))
def test_hostile_bytes(segments: list[tuple[int, bytes]]) -> None:
    made, notes = app_segments.renewed(segments, result())
    assert [(m, len(p)) for m, p in made] == [(m, len(p)) for m, p in segments]
    assert bool(notes) or made == segments
