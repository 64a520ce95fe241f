import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.errors import ImageUnreadable
from tasks.store.formats import png
from tasks.store.formats.encoded import Encoded
from tasks.store.formats.header import EndsEarly, Header
from tasks.store.formats.vips import pixels_of
from tasks.store.settings import OutputSettings
from tests.tasks.store.formats import pngs
from tests.tasks.store.formats.pngs import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGB_ALPHA,
    Sample,
    chunk,
    files,
    listed,
    others,
)

SETTINGS = OutputSettings()


def encode(pixels: np.ndarray, original: bytes, mask: np.ndarray | None = None) -> Encoded:
    mask = np.ones(pixels.shape[:2], bool) if mask is None else mask
    return png.encode(pixels, original, mask, pngs.preview(pixels), SETTINGS)


def decode(data: bytes) -> np.ndarray:
    return pixels_of(pyvips.Image.pngload_buffer(data, fail_on="error"))


def samples_of(data: bytes) -> np.ndarray:
    """(H, W, C) below 2^depth, unfiltered here: a third reader, which sees indices and bits."""
    chunks = listed(data)
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    raw = zlib.decompress(b"".join(payload for kind, payload in chunks if kind == b"IDAT"))
    channels = pngs.CHANNELS[colour]
    found, at = np.zeros((height, width, channels), int), 0
    for row, column, down, right in pngs.PASSES if interlaced else ((0, 0, 1, 1),):
        part = found[row::down, column::right]
        size, step = -(-part.shape[1] * channels * depth // 8), max(1, channels * depth // 8)
        above = np.zeros(size, int)
        for line in part if size else ():
            filtered = np.frombuffer(raw, np.uint8, size, at + 1).astype(int)
            above = unfiltered(raw[at], filtered, above, step)
            bits = np.unpackbits(above.astype(np.uint8))[: line.size * depth].reshape(-1, depth)
            line[:] = (bits @ (1 << np.arange(depth)[::-1])).reshape(line.shape)
            at += 1 + size
    assert at == len(raw)
    return found


def unfiltered(kind: int, filtered: np.ndarray, above: np.ndarray, step: int) -> np.ndarray:
    line = filtered.copy()
    for n in range(len(line)):
        a, b, c = (line[n - step] if n >= step else 0), above[n], (above[n - step] if n >= step else 0)
        paeth = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
        line[n] = (line[n] + (0, a, b, (a + b) // 2, paeth)[kind]) % 256
    return line


@settings(derandomize=True, deadline=None, max_examples=150)
@given(files(), st.data())
def test_outside_the_mask_nothing_changes(sample: Sample, data: st.DataObject) -> None:
    """Samples and indices, header, other chunks: colour type × depth × interlacing × palette × tRNS × masks."""
    header = png.probe(sample.data).header
    before = decode(sample.data)
    assert (before.shape, before.dtype) == ((header.height, header.width, header.channels), header.dtype)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    mask = rng.random(before.shape[:2]) < data.draw(st.floats(0, 1))
    pixels = before.copy()
    full = np.iinfo(before.dtype).max
    fill = rng.integers(0, full + 1, pixels.shape) if data.draw(st.booleans()) else rng.integers(0, full + 1)
    pixels[mask] = np.broadcast_to(fill, pixels.shape)[mask].astype(pixels.dtype)
    if header.alpha and not data.draw(st.booleans()):
        pixels[..., -1] = before[..., -1]  # as a run does it
    elif header.alpha:
        pixels[..., -1][mask] = full  # as a run does it whose mask is the alpha
    result = encode(pixels, sample.data, mask).data

    assert png.probe(result).header == header
    after = decode(result)
    assert np.array_equal(after[~mask], before[~mask])
    assert np.array_equal(samples_of(result)[~mask], sample.samples[~mask])
    may_change = {b"IDAT", b"PLTE", b"tRNS"} if sample.colour == PALETTE else {b"IDAT"}
    old, new = ([(k, b"" if k in may_change else p) for k, p in others(d)] for d in (sample.data, result))
    assert new == old
    used = len({*sample.samples[~mask].reshape(-1).tolist()})
    entries = [len(dict(listed(d)).get(b"PLTE", b"")) // 3 for d in (sample.data, result)]
    assert entries[0] <= entries[1] <= max(entries[0], 1 << sample.depth if used != 2 else 0)
    if sample.depth >= 8 and sample.colour != PALETTE:
        off = np.abs(after[mask].astype(int) - pixels[mask])
        assert off.max(initial=0) <= (1 if header.alpha and sample.colour in (GREY, RGB) else 0) or (
            (after[mask][off.any(axis=1)][:, -1] == 0).all()
        )
    if header.alpha and sample.depth > 1 and sample.colour in (GREY, RGB):
        assert np.array_equal(after[..., -1], pixels[..., -1])
    # A second library sees the same.
    if sample.depth < 16:
        second = np.asarray(Image.open(io.BytesIO(result)).convert("RGBA"))
        assert np.array_equal(second[..., 0], after[..., 0])
        if sample.colour != GREY or sample.depth == 8:  # Pillow compares tRNS with grey that it has scaled already
            assert np.array_equal(second[..., 3], after[..., -1] if header.alpha else np.full(mask.shape, 255))


@pytest.mark.parametrize("colour", pngs.DEPTHS)
def test_probe_tells_what_libvips_decodes(colour: int) -> None:
    for depth in pngs.DEPTHS[colour]:
        samples = np.zeros((3, 5, pngs.CHANNELS[colour]), int)
        plte = chunk(b"PLTE", bytes(3 * (1 << min(depth, 8)))) if colour == PALETTE else b""
        size = {GREY: 2, RGB: 6, PALETTE: 1}.get(colour)
        for clear in (False, True) if size else (False,):
            data = pngs.png(samples, depth, colour, plte + (chunk(b"tRNS", bytes(size or 0)) if clear else b""))
            model: Any = "grey" if colour in (GREY, GREY_ALPHA) else "rgb"
            alpha = clear or colour in (GREY_ALPHA, RGB_ALPHA)
            probe = png.probe(data)
            assert (probe.header, probe.unsupported) == (Header("png", 5, 3, depth, model, alpha), None)
            assert decode(data).shape == (3, 5, probe.header.channels)


@pytest.mark.parametrize("colour", [GREY, RGB, PALETTE])
@pytest.mark.parametrize("size", [0, 1, 3, 7, 300])
def test_a_transparency_of_a_wrong_size_is_none(colour: int, size: int) -> None:
    plte = chunk(b"PLTE", bytes(6)) if colour == PALETTE else b""
    data = pngs.png(np.zeros((2, 2, pngs.CHANNELS[colour]), int), 8, colour, plte + chunk(b"tRNS", bytes(size)))
    assert decode(data).shape[2] == png.probe(data).header.channels


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_smooth_grey_fill_is_dithered_to_the_depth(depth: int) -> None:
    grey = np.tile(np.linspace(40, 210, 120), (60, 1))
    most = (1 << depth) - 1
    samples = np.rint(grey + np.random.default_rng(0).uniform(-127, 127, grey.shape) / most).clip(0, 255)
    original = pngs.png((samples * most / 255 + 0.5).astype(int)[..., None], depth, GREY)
    mask = np.zeros(grey.shape, bool)
    mask[10:50, 20:100] = True
    pixels = np.where(mask, grey.astype(np.uint8), decode(original)[..., 0])[..., None]
    shown = decode(encode(pixels, original, mask).data)[..., 0]
    blocks = (shown[10:50, 20:100] - grey[10:50, 20:100]).reshape(2, 20, 4, 20).mean(axis=(1, 3))
    assert np.abs(blocks).max() < 14 / depth


def test_palettes_stay_palettes_and_say_what_they_gained() -> None:
    samples = np.random.default_rng(0).integers(0, 4, (40, 40, 1))
    plte = chunk(b"PLTE", np.arange(12, dtype=np.uint8).tobytes())
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    for depth, note in ((2, "palette kept"), (4, "12 colours added"), (8, "colours added")):
        original = pngs.png(samples, depth, PALETTE, plte)
        pixels = decode(original)
        pixels[mask] = np.random.default_rng(1).integers(50, 200, (400, 3))
        result = encode(pixels, original, mask)
        assert note in result.notes[0]
        assert listed(result.data)[0] == listed(original)[0]


@pytest.mark.parametrize("clear", [False, True])
def test_new_colours_are_those_that_the_file_shows(clear: bool) -> None:
    samples = np.arange(64).reshape(8, 8, 1) % 3
    before = chunk(b"PLTE", bytes(range(9))) + (chunk(b"tRNS", b"\7") if clear else b"")
    original = pngs.png(samples, 4, PALETTE, before, interlaced=clear)
    pixels = decode(original)
    mask = np.zeros((8, 8), bool)
    mask[2:5, 2:5] = True
    pixels[mask, :3] = np.arange(27).reshape(9, 3) * 9
    result = encode(pixels, original, mask)
    assert np.array_equal(decode(result.data), pixels)
    assert "added" in result.notes[0]


@pytest.mark.parametrize("interlace", [False, True])
def test_all_other_chunks_are_equal_bytes(interlace: bool, make_pixels: Any, save: Any) -> None:
    pixels = make_pixels(30, 41, 3, 16)
    data = save(pixels, ".png", interlace=interlace, keep="none")
    before = chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"tEXt", b"Title\0x") + chunk(b"prVt", b"unknown")
    after = chunk(b"eXIf", b"II*\0") + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"long"))
    original = data[:33] + before + data[33:-12] + after + data[-12:]
    result = encode(pixels[::-1], original)
    assert others(result.data) == others(original)
    assert result.notes == ()


def test_a_fill_is_never_transparent_by_accident() -> None:
    samples = np.arange(12).reshape(2, 2, 3) % 9
    original = pngs.png(samples, 8, RGB, chunk(b"tRNS", struct.pack(">3H", 5, 5, 5)))
    pixels = np.full((2, 2, 4), (5, 5, 5, 255), np.uint8)
    shown = decode(encode(pixels, original).data)
    assert (shown == (5, 5, 6, 255)).all()


def test_missing_end_is_mended_and_what_comes_after_it_goes(make_pixels: Any, save: Any) -> None:
    pixels = make_pixels(30, 41, 1, 8)
    original = save(pixels, ".png")
    whole = encode(pixels, original)
    assert not png.complete(original[:-12])
    assert encode(pixels, original[:-12]) == whole
    longer = encode(pixels, original + b"old picture")
    assert longer.data == whole.data
    assert longer.notes == ("11 bytes after the end of the PNG dropped",)


@pytest.mark.parametrize("flat", [False, True])
def test_files_do_not_grow(flat: bool, make_pixels: Any) -> None:
    pixels = make_pixels(200, 260, 3, 8)
    if flat:  # a screenshot: repeated patterns, which filters would hide
        pixels = np.tile(np.random.default_rng(0).integers(0, 256, (16, 26, 3)).astype(np.uint8), (13, 10, 1))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    assert len(encode(pixels, file.getvalue()).data) < 1.06 * len(file.getvalue())


def test_profile_and_orientation(make_pixels: Any, save: Any) -> None:
    profile = pyvips.Operation.call("profile_load", "p3")
    data = save(make_pixels(9, 9, 3, 8), ".png", {"icc-profile-data": profile, "orientation": 5})
    assert png.icc(data) == profile
    assert png.probe(data).header.orientation == 5


def test_animations_are_refused(make_pixels: Any, save: Any) -> None:
    data = save(make_pixels(30, 41, 3, 8), ".png")
    probe = png.probe(data[:33] + chunk(b"acTL", bytes(8)) + data[33:])
    assert probe.pages == 2
    assert "animated" in (probe.unsupported or "")


def test_broken_headers() -> None:
    with pytest.raises(EndsEarly):
        png.probe(b"\x89PNG\r\n\x1a\n" + bytes(10))
    impossible = [struct.pack(">IIBBBBB", 5, 7, *kind, 0, 0, 0) for kind in ((8, 5), (4, 2), (16, 3), (3, 0))]
    for header in (chunk(b"IHDX", bytes(13)), *(chunk(b"IHDR", payload) for payload in impossible)):
        with pytest.raises(ImageUnreadable):
            png.probe(b"\x89PNG\r\n\x1a\n" + header)


def test_pixels_must_fit(make_pixels: Any, save: Any) -> None:
    with pytest.raises(ImageUnreadable):
        encode(make_pixels(30, 40, 3, 8), save(make_pixels(30, 41, 3, 8), ".png"))
