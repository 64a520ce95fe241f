import contextlib
import io
import struct
from typing import Any

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.errors import ImageUnreadable
from tasks.fill.colour import Plain
from tasks.store.formats import webp
from tasks.store.formats.encoded import Encoded
from tasks.store.formats.header import EndsEarly
from tasks.store.metadata.preview import Preview
from tasks.store.settings import OutputSettings

FILES = ["lossy", "lossless", "near lossless"]
OPTIONS: dict[str, dict[str, Any]] = {
    "lossy": {"Q": 80},
    "lossless": {"lossless": True, "exact": True},
    "near lossless": {"near_lossless": True, "Q": 60},
}


def container(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(k + struct.pack("<I", len(p)) + p + b"\0" * (len(p) & 1) for k, p in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def extended(
    data: bytes, *after: tuple[bytes, bytes], flags: int, before: tuple[tuple[bytes, bytes], ...] = ()
) -> bytes:
    header = webp.probe(data).header
    size = (header.width - 1).to_bytes(3, "little") + (header.height - 1).to_bytes(3, "little")
    pictures = [(k, p) for k, p in webp.chunks(data) if k != b"VP8X"]
    return container((b"VP8X", struct.pack("<I", flags) + size), *before, *pictures, *after)


def encode(pixels: np.ndarray, original: bytes, mask: np.ndarray | None = None, quality: int | None = None) -> Encoded:
    mask = np.ones(pixels.shape[:2], bool) if mask is None else mask
    preview = Preview(pixels[:, :, :3], Plain())
    return webp.encode(pixels, original, mask, preview, OutputSettings(webp_quality=quality))


def decode(data: bytes) -> np.ndarray:
    return np.asarray(pyvips.Image.webpload_buffer(data, fail_on="error").numpy())


def exif(orientation: int) -> bytes:
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + bytes(4)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.data())
def test_pixels_come_back_whatever_the_original_was(make_pixels: Any, save: Any, data: st.DataObject) -> None:
    file, channels = data.draw(st.sampled_from(FILES)), data.draw(st.sampled_from([3, 4]))
    height, width = data.draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
    seed = data.draw(st.integers(0, 2**32))
    original = save(make_pixels(height, width, channels, 8, seed=seed), ".webp", keep="none", **OPTIONS[file])
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < data.draw(st.floats(0, 1))
    pixels = decode(original).copy()
    pixels[mask] = rng.integers(0, 256, pixels.shape)[mask]
    if channels == 4 and data.draw(st.booleans()):
        pixels[..., 3] = data.draw(st.sampled_from([0, 255]))
    result = encode(pixels, original, mask)
    assert np.array_equal(decode(result.data), pixels)
    assert webp.probe(result.data) == webp.probe(original)
    assert encode(pixels, original, mask) == result
    second = np.asarray(Image.open(io.BytesIO(result.data)).convert("RGBA"))
    assert np.array_equal(second[..., :channels], pixels)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("channels", [3, 4])
def test_probe(file: str, channels: int, make_pixels: Any, save: Any) -> None:
    probe = webp.probe(save(make_pixels(31, 44, channels, 8), ".webp", **OPTIONS[file]))
    header = probe.header
    assert (header.width, header.height, header.channels, probe.unsupported) == (44, 31, channels, None)


@pytest.mark.parametrize("file", FILES)
def test_other_chunks_are_kept_in_their_places(file: str, make_pixels: Any, save: Any) -> None:
    pixels = make_pixels(31, 44, 3, 8)
    before = ((b"ICCP", b"profile"), (b"abcd", b"odd"))
    after = [(b"ABCD", b"unknown"), (b"EXIF", exif(6)), (b"XMP ", b"<x/>"), (b"ABCD", b"")]
    original = extended(save(pixels, ".webp", keep="none", **OPTIONS[file]), *after, flags=0x2C, before=before)
    result = list(webp.chunks(encode(pixels, original).data))
    old = list(webp.chunks(original))
    assert [c for c in result if not c[0].startswith(b"VP8")] == [*before, *after]
    assert result[0] == old[0]
    assert [k.replace(b"VP8L", b"VP8 ") for k, _ in result] == [k.replace(b"VP8L", b"VP8 ") for k, _ in old]


def test_the_place_of_alpha(make_pixels: Any, save: Any) -> None:
    """ALPH and VP8 become one chunk, after what was before them."""
    pixels = make_pixels(31, 44, 4, 8)
    original = extended(save(pixels, ".webp", keep="none"), (b"EXIF", exif(1)), flags=0x18, before=((b"abcd", b""),))
    assert [k for k, _ in webp.chunks(original)] == [b"VP8X", b"abcd", b"ALPH", b"VP8 ", b"EXIF"]
    kinds = [[k for k, _ in webp.chunks(encode(pixels, original, quality=q).data)] for q in (None, 80)]
    assert kinds == [[b"VP8X", b"abcd", b"VP8L", b"EXIF"], [b"VP8X", b"abcd", b"ALPH", b"VP8 ", b"EXIF"]]


def test_an_exif_thumbnail_shows_the_result(make_pixels: Any, save: Any) -> None:
    file = io.BytesIO()
    Image.new("RGB", (80, 60), (230, 30, 30)).save(file, "JPEG", quality=95)
    thumbnail = file.getvalue()
    ifd1 = (
        struct.pack("<H", 2)
        + struct.pack("<HHII", 0x0201, 4, 1, 56)
        + struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail))
    )
    blob = exif(6)[:22] + struct.pack("<I", 26) + ifd1 + bytes(4) + thumbnail
    pixels = np.full((60, 80, 3), 20, np.uint8)
    original = extended(save(pixels, ".webp", keep="none"), (b"EXIF", blob), flags=0x08)
    assert webp.probe(original).header.orientation == 6
    result = encode(pixels, original)
    assert "EXIF thumbnail made anew" in result.notes
    new = dict(webp.chunks(result.data))[b"EXIF"]
    assert len(new) == len(blob)
    assert new[:44] == blob[:44]
    assert np.asarray(Image.open(io.BytesIO(new[56:])).convert("L")).mean() < 40


def test_content_credentials_and_what_comes_after_the_end_go(make_pixels: Any, save: Any) -> None:
    pixels = make_pixels(31, 44, 3, 8)
    plain = save(pixels, ".webp", lossless=True, keep="none")
    result = encode(pixels, extended(plain, (b"C2PA", b"signed"), flags=0) + b"more")
    assert [k for k, _ in webp.chunks(result.data)] == [b"VP8X", b"VP8L"]
    assert result.notes == ("content credentials (C2PA) dropped", "4 bytes after the end of the WebP dropped")


def test_a_lossy_original_that_grows_is_said(make_pixels: Any, save: Any) -> None:
    original = save(make_pixels(200, 300, 3, 8), ".webp", Q=75, keep="none")
    result = encode(decode(original), original)
    factor = len(result.data) / len(original)
    assert factor > 1.2
    assert result.notes == (
        f"lossy WebP written lossless: {len(original) / 1e6:.2g} → {len(result.data) / 1e6:.2g} MB (× {factor:.2g})",
    )


@pytest.mark.parametrize("channels", [3, 4])
def test_a_quality_writes_lossy_and_says_so(channels: int, make_pixels: Any, save: Any) -> None:
    pixels = make_pixels(200, 300, channels, 8)
    original = save(pixels, ".webp", Q=75, keep="none")
    result, better = encode(pixels, original, quality=40), encode(pixels, original, quality=90)
    assert len(result.data) < len(original) < len(better.data)
    assert result.notes == ("WebP encoded at quality 40: pixels outside the mask change too",)
    shown = decode(better.data).astype(int)
    assert shown.shape == pixels.shape
    assert np.abs(shown[..., :3] - pixels[..., :3]).mean() < 8
    if channels == 4:
        assert np.array_equal(shown[..., 3], pixels[..., 3])


def test_a_quality_is_not_for_lossless_originals(make_pixels: Any, save: Any) -> None:
    original = save(make_pixels(31, 44, 3, 8), ".webp", lossless=True, keep="none")
    pixels = decode(original)
    assert encode(pixels, original, quality=40) == encode(pixels, original)


def test_lossless_originals_hardly_grow(make_pixels: Any, save: Any) -> None:
    pixels = np.tile(make_pixels(31, 44, 3, 8) // 40 * 40, (8, 8, 1))
    original = save(pixels, ".webp", lossless=True, effort=6, keep="none")
    assert len(encode(pixels, original).data) <= 1.05 * len(original)


def test_opaque_alpha_stays_alpha(make_pixels: Any, save: Any) -> None:
    pixels = make_pixels(31, 44, 4, 8)
    original = save(pixels, ".webp", lossless=True, keep="none")
    pixels[:, :, 3] = 255
    result = encode(pixels, original).data
    assert webp.probe(result).header.channels == 4
    assert np.array_equal(decode(result), pixels)


def test_plain_files_stay_plain(make_pixels: Any, save: Any) -> None:
    for channels in (3, 4):
        pixels = make_pixels(31, 44, channels, 8)
        original = save(pixels, ".webp", lossless=True, keep="none")
        assert [k for k, _ in webp.chunks(encode(pixels, original).data)] == [b"VP8L"]


def test_profile(make_pixels: Any, save: Any) -> None:
    profile = pyvips.Operation.call("profile_load", "p3")
    assert webp.icc(save(make_pixels(9, 9, 3, 8), ".webp", {"icc-profile-data": profile})) == profile
    assert webp.icc(save(make_pixels(9, 9, 3, 8), ".webp", keep="none")) is None
    assert webp.icc(b"") is None


def test_a_denied_alpha_channel_is_refused(make_pixels: Any, save: Any) -> None:
    for options in OPTIONS.values():
        plain = save(make_pixels(9, 9, 4, 8), ".webp", keep="none", **options)
        assert "alpha" in (webp.probe(extended(plain, flags=0)).unsupported or "")
        assert webp.probe(extended(plain, flags=0x10)).unsupported is None


def test_animations_are_refused(save: Any, make_pixels: Any) -> None:
    frames = [Image.fromarray(make_pixels(20, 20, 3, 8, seed=n)) for n in (0, 1)]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    probe = webp.probe(file.getvalue())
    assert probe.pages == 2
    assert "animated" in (probe.unsupported or "")


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=80))
def test_hostile_bytes(data: bytes) -> None:
    for start in (b"RIFF\x40\0\0\0WEBPVP8X", b"RIFF\xff\xff\xff\xffWEBPVP8L", b"RIFF\x40\0\0\0WEBPVP8 \x40\0\0\0"):
        webp.complete(start + data)
        webp.icc(start + data)
        with contextlib.suppress(EndsEarly, ImageUnreadable):
            assert webp.probe(start + data).header.width >= 0


def test_broken_headers(make_pixels: Any, save: Any) -> None:
    with pytest.raises(EndsEarly):
        webp.probe(b"RIFF\0\0\0\0WEBPVP8 ")
    for name in (b"VP8 ", b"VP8L", b"ABCD"):
        with pytest.raises(ImageUnreadable):
            webp.probe(container((name, bytes(30))))
    data = save(make_pixels(31, 44, 3, 8), ".webp")
    assert webp.complete(data)
    assert not webp.complete(data[:-1])
    assert not webp.complete(b"RIFF")
