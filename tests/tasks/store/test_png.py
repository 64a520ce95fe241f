import struct
import zlib
from typing import Any

import pytest

from tasks.errors import ImageUnreadable
from tasks.store import png
from tasks.store.header import EndsEarly


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def with_chunks(data: bytes, before: list[bytes], after: list[bytes]) -> bytes:
    return data[:33] + b"".join(before) + data[33:-12] + b"".join(after) + data[-12:]


def others(data: bytes) -> list[bytes]:
    return [data[start:end] for kind, start, end in png.chunks(data) if kind != b"IDAT"]


@pytest.mark.parametrize("interlace", [False, True])
def test_all_other_chunks_are_equal_bytes(interlace: bool, make_pixels: Any, save: Any) -> None:
    pixels = make_pixels(30, 41, 3, 16)
    before = [chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"tEXt", b"Title\0x"), chunk(b"prVt", b"unknown")]
    after = [chunk(b"eXIf", b"II*\0"), chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"long"))]
    original = with_chunks(save(pixels, ".png", interlace=interlace, keep="none"), before, after)
    encoded = png.encode(pixels[::-1], original)
    assert others(encoded) == others(original)
    kinds = [kind for kind, _, _ in png.chunks(encoded)]
    assert kinds.index(b"IDAT") == kinds.index(b"prVt") + 1 + (b"pHYs" in kinds)


def test_missing_end_is_mended(make_pixels: Any, save: Any) -> None:
    pixels = make_pixels(30, 41, 1, 8)
    original = save(pixels, ".png")
    assert not png.complete(original[:-12])
    assert png.encode(pixels, original[:-12]) == png.encode(pixels, original)


@pytest.mark.parametrize(
    ("colour", "depth", "reason"),
    [(3, 8, "palette"), (0, 1, "1 bit"), (0, 2, "2 bits"), (0, 4, "4 bits"), (2, 8, None), (6, 16, None)],
)
def test_kinds(colour: int, depth: int, reason: str | None) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 7, depth, colour, 0, 0, 0))
    probe = png.probe(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IEND", b""))
    assert (probe.width, probe.height, probe.bit_depth) == (5, 7, depth)
    assert (reason or "") in (probe.unsupported or "")
    assert (probe.unsupported is None) == (reason is None)


def test_transparent_colour_and_animation(make_pixels: Any, save: Any) -> None:
    data = save(make_pixels(30, 41, 3, 8), ".png")
    assert "tRNS" in (png.probe(with_chunks(data, [chunk(b"tRNS", bytes(6))], [])).unsupported or "")
    animated = png.probe(with_chunks(data, [chunk(b"acTL", bytes(8))], []))
    assert animated.pages == 2
    assert "animated" in (animated.unsupported or "")


def test_broken_headers() -> None:
    with pytest.raises(EndsEarly):
        png.probe(b"\x89PNG\r\n\x1a\n" + bytes(10))
    for header in (chunk(b"IHDX", bytes(13)), chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 7, 8, 5, 0, 0, 0))):
        with pytest.raises(ImageUnreadable):
            png.probe(b"\x89PNG\r\n\x1a\n" + header)


def test_pixels_must_fit(make_pixels: Any, save: Any) -> None:
    with pytest.raises(ImageUnreadable):
        png.encode(make_pixels(30, 40, 3, 8), save(make_pixels(30, 41, 3, 8), ".png"))
