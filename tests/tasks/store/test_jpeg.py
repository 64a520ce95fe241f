import struct
from typing import Any

import cv2
import numpy as np
import pytest

from tasks.errors import ImageUnreadable
from tasks.store import jpeg
from tasks.store.header import EndsEarly

SAMPLING = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "4:4:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    "4:1:1": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
}


def save(pixels: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(".jpg", pixels, options)[1].tobytes()


def with_segments(data: bytes, *segments: tuple[int, bytes]) -> bytes:
    added = b"".join(b"\xff" + bytes([marker]) + struct.pack(">H", 2 + len(p)) + p for marker, p in segments)
    return data[:2] + added + data[2:]


def segments_of(data: bytes, marker: int) -> list[bytes]:
    return [data[start + 4 : end] for found, start, end in jpeg.segments(data) if found == marker]


@pytest.mark.parametrize("sampling", SAMPLING)
@pytest.mark.parametrize("progressive", [0, 1])
def test_sampling_and_progression_are_kept(sampling: str, progressive: int, make_pixels: Any) -> None:
    pixels = make_pixels(61, 83, 3, 8)
    options = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLING[sampling], cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    original = save(pixels, *options)
    assert jpeg.frame(jpeg.encode(pixels, original)) == jpeg.frame(original)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [1, 5, 30, 49, 50, 51, 75, 92, 99, 100])
def test_tables_of_libjpeg_are_found_again(quality: int, channels: int, make_pixels: Any) -> None:
    pixels = make_pixels(40, 40, channels, 8)
    original = save(pixels, cv2.IMWRITE_JPEG_QUALITY, quality)
    before, after = (jpeg.quantisation_tables(d) for d in (original, jpeg.encode(pixels, original)))
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[k], after[k]) for k in before)


def test_quality_of_luma_and_chroma_apart(make_pixels: Any) -> None:
    pixels = make_pixels(40, 40, 3, 8)
    original = save(pixels, cv2.IMWRITE_JPEG_LUMA_QUALITY, 91, cv2.IMWRITE_JPEG_CHROMA_QUALITY, 60)
    before, after = (jpeg.quantisation_tables(d) for d in (original, jpeg.encode(pixels, original)))
    assert all(np.array_equal(before[k], after[k]) for k in (0, 1))


def test_foreign_tables_get_a_near_quality(make_pixels: Any) -> None:
    pixels = make_pixels(40, 40, 3, 8)
    original = bytearray(save(pixels, cv2.IMWRITE_JPEG_QUALITY, 85))
    at = original.index(b"\xff\xdb") + 5
    for i in range(64):
        original[at + i] += i % 2
    tables = jpeg.quantisation_tables(jpeg.encode(pixels, bytes(original)))
    assert np.abs(tables[0] - jpeg.quantisation_tables(bytes(original))[0]).max() <= 2


def test_restart_interval_is_kept(make_pixels: Any) -> None:
    pixels = make_pixels(64, 64, 3, 8)
    original = save(pixels, cv2.IMWRITE_JPEG_RST_INTERVAL, 3)
    assert segments_of(jpeg.encode(pixels, original), 0xDD) == segments_of(original, 0xDD) == [b"\0\3"]


def test_metadata_segments_are_equal_bytes(make_pixels: Any) -> None:
    pixels = make_pixels(40, 40, 3, 8)
    kept = [(0xE1, b"Exif\0\0anything"), (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), (0xE2, b"ICC_PROFILE\0\1\1abc")]
    kept += [(0xED, b"Photoshop 3.0\0iptc"), (0xEE, b"Adobe\0d\0\0\0\0\1"), (0xFE, b"a comment")]
    dropped = [(0xE2, b"MPF\0list"), (0xEE, b"Adobe\0d\0\0\0\0\0")]
    original = with_segments(save(pixels), *kept, *dropped)
    encoded = jpeg.encode(pixels, original)
    for marker in (0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE):
        expected = [p for p in segments_of(original, marker) if (marker, p) not in dropped]
        assert segments_of(encoded, marker) == expected


def test_appended_pictures_are_not_copied(make_pixels: Any) -> None:
    pixels = make_pixels(40, 40, 3, 8)
    original = save(pixels)
    assert jpeg.encode(pixels, original + original) == jpeg.encode(pixels, original)


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [(1, 0xC3, "lossless"), (1, 0xC9, "arithmetic"), (4, 12, "12 bits"), (9, 4, "CMYK"), (9, 2, "2 components")],
)
def test_other_codings(at: int, value: int, reason: str, make_pixels: Any) -> None:
    data = bytearray(save(make_pixels(40, 40, 3, 8)))
    frame = data.index(b"\xff\xc0")
    data[frame + at] = value
    if reason == "CMYK":
        data[frame + 2 : frame + 4] = struct.pack(">H", 20)
        data[frame + 19 : frame + 19] = b"\4\x11\1"
    assert reason in (jpeg.probe(bytes(data)).unsupported or "")


def test_height_after_the_scan(make_pixels: Any) -> None:
    data = bytearray(save(make_pixels(40, 40, 3, 8)))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 7] = b"\0\0"
    assert "DNL" in (jpeg.probe(bytes(data)).unsupported or "")


def test_broken_headers() -> None:
    for data in (b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\x10", b"\xff\xd8\xff\xff\xff"):
        with pytest.raises(EndsEarly):
            jpeg.probe(data)
    for data in (b"\xff\xd8\xff\xe0\0\0ab", b"\xff\xd8\xff\xe0\0\4abcdef", b"\xff\xd8\xff\xda\0\2"):
        with pytest.raises(ImageUnreadable):
            jpeg.probe(data)


def test_end_marker_of_a_thumbnail_is_not_the_end(make_pixels: Any) -> None:
    data = with_segments(save(make_pixels(40, 40, 3, 8)), (0xE1, b"Exif\0\0\xff\xd8\xff\xd9"))
    assert jpeg.complete(data)
    assert not jpeg.complete(data[:-2])
