import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.formats import jpeg_metadata
from tasks.store.formats.jpeg_segments import segments
from tests.tasks.store.formats.jpegs import Kind, with_segments, written
from tests.tasks.store.metadata.secret import jpeg as secret
from tests.tasks.store.metadata.secret import leaks, result

PLAIN = written(Kind())
GAIN_MAP = b'http://ns.adobe.com/xap/1.0/\0<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>'


def renewed(data: bytes) -> tuple[list[bytes], tuple[str, ...]]:
    made, notes = jpeg_metadata.renewed(data, segments(data)[0], result())
    return list(made.values()), notes


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from((*range(0xE0, 0xF0), 0xFE)), st.binary(max_size=40)), max_size=6))
def test_segments_without_pictures_are_equal(added: list[tuple[int, bytes]]) -> None:
    data = with_segments(PLAIN, *added)
    kept = [data[s.start : s.end] for s in segments(data)[0] if jpeg_metadata.is_metadata(s.marker)]
    assert renewed(data) == (kept, ())


@pytest.mark.parametrize("marker", [0xE0, 0xE1, 0xE2, 0xE3, 0xE4, 0xED, 0xEF, 0xFE])
def test_pictures_in_segments_are_made_anew(marker: int) -> None:
    data = with_segments(PLAIN, (marker, b"Maker\0" + secret()))
    kept, notes = renewed(data)
    assert not leaks(b"".join(kept))
    assert notes
    assert [len(k) for k in kept] == [s.end - s.start for s in segments(data)[0] if jpeg_metadata.is_metadata(s.marker)]


@pytest.mark.parametrize(
    ("marker", "payload", "said"),
    [
        (0xE2, b"MPF\0II*\0", "list of appended pictures"),
        (0xEB, b"JP\0\1\0\0\0\1jumbc2pa", "content credentials"),
        (0xEB, b"HDR_RI ver=11", "gain map"),
    ],
)
def test_what_is_no_longer_true_is_dropped(marker: int, payload: bytes, said: str) -> None:
    kept, notes = renewed(with_segments(PLAIN, (marker, payload), (0xFE, b"stays")))
    assert len(notes) == 1
    assert notes[0].startswith(said)
    assert kept[0].endswith(b"stays")
    assert not any(payload in k for k in kept)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.binary(min_size=1, max_size=300), st.integers(1, 100), st.booleans())
def test_profiles_in_parts(profile: bytes, size: int, backwards: bool) -> None:
    parts = [profile[i : i + size] for i in range(0, len(profile), size)][:255]
    payloads = [b"ICC_PROFILE\0" + bytes((i + 1, len(parts))) + p for i, p in enumerate(parts)]
    added = [(0xE2, p) for p in (payloads[::-1] if backwards else payloads)]
    data = with_segments(PLAIN, *added)
    assert jpeg_metadata.icc(data, segments(data)[0]) == b"".join(parts)
    if len(parts) > 1:
        short = with_segments(PLAIN, *added[1:])
        assert jpeg_metadata.icc(short, segments(short)[0]) is None


def test_no_profile() -> None:
    for payload in (b"", b"ICC_PROFILE\0", b"ICC_PROFILE\0\1\1", b"ICC_PROFILE\0\2\2x"):
        data = with_segments(PLAIN, (0xE2, payload))
        assert jpeg_metadata.icc(data, segments(data)[0]) is None


@pytest.mark.parametrize("value", [1, 6, 8, 9])
def test_orientation(value: int) -> None:
    exif = b"Exif\0\0" + struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, value, 0, 0)
    data = with_segments(PLAIN, (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), (0xE1, exif))
    assert jpeg_metadata.orientation(data, segments(data)[0]) == (value if value <= 8 else 1)
    assert jpeg_metadata.orientation(PLAIN, segments(PLAIN)[0]) == 1


@pytest.mark.parametrize(
    ("rest", "xmp", "said"),
    [
        (b"", b"", ()),
        (b"\0" * 500, b"", ()),
        (b"\0\0abc", b"", ("5 bytes after the picture dropped",)),
        (PLAIN, b"", ("1 appended picture dropped",)),
        (PLAIN + b"\0" * 9 + PLAIN, b"", ("2 appended pictures dropped",)),
        (PLAIN, GAIN_MAP, ("gain map dropped",)),
        (PLAIN + PLAIN, GAIN_MAP, ("gain map dropped", "1 appended picture dropped")),
        (b"\0\0\0\x18ftypmp42", b"", ("appended video dropped",)),
        (b"", GAIN_MAP, ()),
    ],
)
def test_appended(rest: bytes, xmp: bytes, said: tuple[str, ...]) -> None:
    data = with_segments(PLAIN, (0xE1, xmp)) + rest
    found, end = segments(data)
    assert jpeg_metadata.appended(data, end, found) == said
