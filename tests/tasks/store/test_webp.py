import struct
from typing import Any

import numpy as np
import pytest
import pyvips

from tasks.errors import ImageUnreadable
from tasks.store import webp
from tasks.store.header import EndsEarly


def container(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(k + struct.pack("<I", len(p)) + p + b"\0" * (len(p) & 1) for k, p in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def extended(data: bytes, *after: tuple[bytes, bytes], flags: int) -> bytes:
    probe = webp.probe(data)
    size = (probe.width - 1).to_bytes(3, "little") + (probe.height - 1).to_bytes(3, "little")
    pictures = [(k, p) for k, p in webp.chunks(data) if k != b"VP8X"]
    return container((b"VP8X", struct.pack("<I", flags) + size), *pictures, *after)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("channels", [3, 4])
def test_probe(lossless: bool, channels: int, make_pixels: Any, save: Any) -> None:
    probe = webp.probe(save(make_pixels(31, 44, channels, 8), ".webp", lossless=lossless))
    assert (probe.width, probe.height, probe.channels, probe.unsupported) == (44, 31, channels, None)


def test_chunks_are_kept(make_pixels: Any, save: Any) -> None:
    pixels = make_pixels(31, 44, 3, 8)
    kept = [(b"EXIF", b"Exif\0\0odd"), (b"XMP ", b"<x/>"), (b"ABCD", b"unknown")]
    original = extended(save(pixels, ".webp", lossless=True, keep="none"), *kept, flags=0x0C)
    encoded = webp.encode(pixels, original)
    assert [c for c in webp.chunks(encoded) if c[0] not in (b"VP8L", b"VP8X")] == kept
    assert dict(webp.chunks(encoded))[b"VP8X"] == dict(webp.chunks(original))[b"VP8X"]


def test_opaque_alpha_stays_alpha(make_pixels: Any, save: Any) -> None:
    pixels = make_pixels(31, 44, 4, 8)
    original = save(pixels, ".webp", lossless=True)
    pixels[:, :, 3] = 255
    encoded = webp.encode(pixels, original)
    assert webp.probe(encoded).channels == 4
    assert np.array_equal(pyvips.Image.webpload_buffer(encoded).numpy(), pixels)


def test_colours_under_full_transparency_stay(make_pixels: Any, save: Any) -> None:
    pixels = make_pixels(31, 44, 4, 8)
    original = save(pixels, ".webp", lossless=True, exact=True)
    pixels[:, :, 3] = 0
    assert np.array_equal(pyvips.Image.webpload_buffer(webp.encode(pixels, original)).numpy(), pixels)


def test_plain_files_stay_plain(make_pixels: Any, save: Any) -> None:
    pixels = make_pixels(31, 44, 3, 8)
    assert [k for k, _ in webp.chunks(webp.encode(pixels, save(pixels, ".webp", keep="none")))] == [b"VP8L"]


def test_broken_headers(make_pixels: Any, save: Any) -> None:
    with pytest.raises(EndsEarly):
        webp.probe(b"RIFF\0\0\0\0WEBPVP8 ")
    for kind in (b"VP8 ", b"VP8L", b"ABCD"):
        with pytest.raises(ImageUnreadable):
            webp.probe(container((kind, bytes(30))))
    data = save(make_pixels(31, 44, 3, 8), ".webp")
    assert webp.complete(data)
    assert not webp.complete(data[:-1])
    assert not webp.complete(b"RIFF")
