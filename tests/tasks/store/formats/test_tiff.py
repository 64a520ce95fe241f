"""The same file but for the hole: properties over everything that a TIFF can be, read back by tifffile and libvips."""

import io
from typing import Any

import cv2
import numpy as np
import pytest
import pyvips
import tifffile
from hypothesis import given, settings
from PIL import Image, TiffImagePlugin

from tasks.errors import ImageTruncated, ImageUnreadable, ImageUnsupported, ItemError
from tasks.store.formats import tiff
from tasks.store.formats.header import EndsEarly
from tasks.store.formats.tiff_directory import pages
from tasks.store.formats.tiff_layout import Layout
from tasks.store.formats.tiff_picture import Picture
from tests.tasks.store.formats.tiff_files import (
    COMPRESSIONS,
    Sample,
    decoded,
    encoded,
    picture,
    read,
    same,
    samples,
    stored_of,
    tags,
    untouched,
    write,
    write_pages,
)


def chunks(data: bytes) -> list[bytes]:
    """The bytes of all chunks of the first page."""
    layout = Picture(pages(data)[0].directory).layout
    return [data[c.offset : c.offset + c.size] for c in layout.chunks(parts=False)]


@settings(max_examples=120, deadline=None, derandomize=True)
@given(samples())
def test_the_same_file_but_for_the_hole(sample: Sample) -> None:
    data, mask, wanted = sample.data, sample.mask, sample.wanted
    assert same(decoded(data), sample.pixels)
    result = encoded(wanted, data, mask)
    assert result.notes == ()
    assert same(decoded(result.data), wanted)
    assert same(read(result.data), stored_of(sample, wanted))
    assert str(tags(result.data)) == str(tags(data))  # as text: a NaN is no equal of itself
    untouched(data, result.data)
    layout, now = (Picture(pages(d)[0].directory).layout for d in (data, result.data))
    changed = list(layout.touched(mask))
    assert_only(result.data, [(chunk.offset, chunk.size) for chunk in changed], now)
    touched = {chunk.index for chunk in changed}
    old, new = chunks(data), chunks(result.data)
    assert all(old[index] == new[index] for index in set(range(layout.count)) - touched)
    assert encoded(wanted, result.data, mask).data == result.data, "nothing is done twice"
    assert encoded(sample.pixels, data, mask).data == data
    assert encoded(wanted, data, np.zeros_like(mask)).data is data


@settings(max_examples=60, deadline=None, derandomize=True)
@given(samples())
def test_cut_files_are_never_pictures(sample: Sample) -> None:
    data = sample.data
    for tenth in [*range(10), 9.99]:
        cut = data[: int(len(data) * tenth / 10)]
        with pytest.raises((ImageTruncated, EndsEarly)):
            decoded(cut)


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "packbits"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("layout", [{"tile": True, "tile_width": 32, "tile_height": 16}, {"tile_height": 7}, {}])
def test_files_of_libtiff(compression: str, dtype: str, layout: dict[str, Any]) -> None:
    pixels = picture(40, 53, 3, dtype)
    kinds = {"uint8": "srgb", "uint16": "rgb16", "float32": "scrgb"}
    predictors = {"packbits": ["none"], "none": ["none"]}.get(compression, ["none", "horizontal"])
    if dtype == "float32" and len(predictors) > 1:
        predictors.append("float")
    for predictor in predictors:
        image = pyvips.Image.new_from_array(pixels).copy(interpretation=kinds[dtype])
        data = image.tiffsave_buffer(compression=compression, predictor=predictor, **layout)
        assert same(decoded(data), pixels)
        mask = np.zeros(pixels.shape[:2], bool)
        mask[10:25, 30:33] = True
        wanted = pixels.copy()
        wanted[mask] = picture(40, 53, 3, dtype, 1)[mask]
        result = encoded(wanted, data, mask).data
        assert same(pyvips.Image.tiffload_buffer(result, fail_on="warning").numpy(), wanted)
        assert same(decoded(result), wanted)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_files_of_pillow(compression: str, mode: str) -> None:
    dtype = {"I;16": "uint16", "F": "float32"}.get(mode, "uint8")
    pixels = picture(40, 53, {"RGB": 3, "RGBA": 4, "CMYK": 4}.get(mode, 1), dtype)
    file = io.BytesIO()
    array = pixels if pixels.shape[2] > 1 else pixels[:, :, 0]
    given = mode if mode == "CMYK" else None
    Image.fromarray(array, given).save(file, "tiff", compression=compression)
    data = file.getvalue()
    assert same(decoded(data), pixels)
    mask = np.arange(40)[:, None] > np.arange(53)
    wanted = np.where(mask[:, :, None], pixels[::-1, ::-1], pixels)
    with Image.open(io.BytesIO(encoded(wanted, data, mask).data)) as image:
        assert same(np.asarray(image).reshape(wanted.shape), wanted)


def test_files_of_opencv() -> None:
    pixels = picture(90, 80, 3, "uint16")
    data = cv2.imencode(".tif", pixels[:, :, ::-1])[1].tobytes()
    assert same(decoded(data), pixels)
    mask = np.ones((90, 80), bool)
    result = cv2.imdecode(np.frombuffer(encoded(pixels[::-1], data, mask).data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert result is not None and same(np.ascontiguousarray(result[:, :, ::-1]), np.ascontiguousarray(pixels[::-1]))


def test_palettes_keep_known_indices() -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (256, 3))
    colours[7] = colours[9]
    indices = rng.integers(0, 256, (40, 50)).astype(np.uint8)
    table = (colours.T * 257).astype(np.uint16)
    mask = np.zeros((40, 50), bool)
    mask[5:20, 5:20] = True
    for options in ({"compression": "lzw", "rowsperstrip": 9}, {"tile": (16, 16)}):
        data = write(indices, photometric="palette", colormap=table, **options)
        header = tiff.probe(data).header
        assert (header.model, header.bit_depth, header.channels) == ("rgb", 8, 3)
        pixels = decoded(data)
        assert same(pixels, colours[indices].astype(np.uint8))
        wanted = pixels.copy()
        wanted[mask] = colours[3]
        result = encoded(wanted, data, mask)
        after = read(result.data)[:, :, 0]
        assert np.array_equal(after[~mask], indices[~mask])
        assert same(decoded(result.data), wanted)
        wanted[mask] = [200, 10, 90]
        result = encoded(wanted, data, mask)
        assert np.array_equal(read(result.data)[:, :, 0][~mask], indices[~mask])
        assert str(tags(result.data)) == str(tags(data))
        assert "palette kept" in result.notes[0]
        assert np.abs(decoded(result.data)[mask].astype(float).mean(axis=0) - [200, 10, 90]).max() < 30


def test_premultiplied_colours_stay_below_alpha() -> None:
    stored = picture(30, 40, 4, "uint16")
    stored[:, :, :3] = np.minimum(stored[:, :, :3], stored[:, :, 3:])
    data = write(stored, extrasamples=["assocalpha"], compression="lzw", predictor=2)
    mask = np.zeros((30, 40), bool)
    mask[3:9, 4:30] = True
    wanted = stored.copy()
    wanted[mask, :3] = 65535
    after = read(encoded(wanted, data, mask).data)
    assert np.array_equal(after[~mask], stored[~mask])
    assert np.array_equal(after[mask], np.repeat(stored[mask][:, 3:], 4, axis=1))


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("layout", [{"tile": (64, 64)}, {"rowsperstrip": 11}, {"rowsperstrip": 200}])
def test_nothing_removed_stays(compression: str, layout: dict[str, Any]) -> None:
    """A pattern that compresses to little but itself, in the hole only; the fill compresses better, or worse."""
    rng = np.random.default_rng(1)
    hole = np.zeros((200, 150), bool)
    hole[70:130, 20:120] = True
    pixels = np.zeros((200, 150, 3), np.uint8)
    pixels[hole] = rng.integers(0, 16, (hole.sum(), 3))
    data = write(pixels, compression=None if compression == "none" else compression, **layout)
    secret = {row[20:120].tobytes()[i : i + 12] for row in pixels[70:130:7] for i in range(0, 288, 5)}
    assert compression != "none" or any(part in data for part in secret)
    for levels in (1, 256):
        wanted = pixels.copy()
        wanted[hole] = rng.integers(0, levels, (hole.sum(), 3))
        result = encoded(wanted, data, hole).data
        assert same(decoded(result), wanted)
        assert not any(part in result for part in secret)
        layout_before, now = (Picture(pages(d)[0].directory).layout for d in (data, result))
        spans = [(c.offset, c.size) for c in layout_before.touched(hole)]
        assert_only(result, spans, now)


def assert_only(result: bytes, spans: list[tuple[int, int]], now: Layout) -> None:
    """In `spans` there are the chunks of `now` and tables behind the old end, and else zeros."""
    held = np.zeros(len(result), bool)
    for offset, size in zip(now.offsets, now.sizes, strict=False):
        held[offset : offset + size] = True
    for page in pages(result):
        held[page.directory.at : page.directory.end] = True
        for entry in page.directory.entries.values():
            held[entry.place : entry.place + entry.size] = True
    content = np.frombuffer(result, np.uint8)
    for offset, size in spans:
        part = slice(offset, offset + size)
        assert not content[part][~held[part]].any()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_tags_survive(order: Any, big: bool) -> None:
    pixels = picture(50, 60, 3, "uint16")
    profile = b"\0" * 36 + b"acsp" + bytes(88)
    private = [
        (50001, 2, 8, "private", True),
        (50002, 12, 2, (1.5, float("nan")), True),
        (50003, 7, 3, b"\0\1\2", True),
    ]
    options: dict[str, Any] = {
        "iccprofile": profile,
        "resolution": (600, 601),
        "description": "a page",
        "extratags": [*private, (274, 3, 1, 6, True), (700, 1, 20, b"<x:xmpmeta/>        ", True)],
    }
    data = write(pixels, compression="lzw", byteorder=order, bigtiff=big, **options)
    assert tiff.icc(data) == profile
    assert tiff.probe(data).header.orientation == 6
    mask = np.eye(50, 60, dtype=bool)
    result = encoded(np.where(mask[:, :, None], 3, pixels).astype(np.uint16), data, mask)
    assert result.notes == ()
    assert str(tags(result.data)) == str(tags(data))
    assert tiff.icc(result.data) == profile
    untouched(data, result.data)


def test_exif_and_gps_survive() -> None:
    exif = TiffImagePlugin.ImageFileDirectory_v2()
    exif[0x8769] = {0x9003: "2020:01:01 00:00:00"}
    exif[0x8825] = {1: "N", 2: (48.0, 12.0, 3.0)}
    file = io.BytesIO()
    Image.fromarray(picture(90, 80, 3, "uint8")).save(file, "tiff", tiffinfo=exif)
    data = file.getvalue()
    pixels = decoded(data)
    mask = np.zeros((90, 80), bool)
    mask[40:] = True
    result = encoded(np.where(mask[:, :, None], pixels[::-1], pixels), data, mask).data
    with tifffile.TiffFile(io.BytesIO(data)) as a, tifffile.TiffFile(io.BytesIO(result)) as b:
        for tag in (0x8769, 0x8825):
            before, after = (f.pages[0].tags[tag].value for f in (a, b))  # type: ignore[union-attr]
            assert before == after and before
    untouched(data, result)


@pytest.mark.parametrize("where", ["<", ">"])
def test_a_file_that_decodes_to_something_else_is_not_written(where: Any) -> None:
    pixels = picture(50, 60, 3, "uint8")
    data = write(pixels, byteorder=where, rowsperstrip=10)
    mask = np.zeros((50, 60), bool)
    mask[25, 30] = True
    wrong = pixels.copy()
    wrong[21, 0] ^= 1
    with pytest.raises(ImageUnreadable):
        encoded(wrong, data, mask)


@pytest.mark.parametrize(
    ("options", "dtype", "reason"),
    [
        ({"photometric": "miniswhite"}, "float32", "MinIsWhite"),
        (
            {"photometric": "miniswhite", "extrasamples": ["assocalpha"], "planarconfig": "contig"},
            "uint8",
            "premultiplied",
        ),
        ({}, "int16", "signed"),
        ({}, "uint32", "32 bits"),
        ({}, "float16", "16-bit float"),
        ({}, "float64", "64-bit float"),
        ({}, "complex64", "complex"),
        ({}, "bool", "1 bits"),
        ({"compression": "jpeg"}, "uint8", "JPEG"),
        ({"compression": "webp", "photometric": "rgb"}, "uint8", "WebP"),
        ({"photometric": 8, "planarconfig": "contig"}, "uint8", "Lab"),
    ],
)
def test_unsupported(options: dict[str, Any], dtype: str, reason: str) -> None:
    shape: tuple[int, ...] = (20, 20, 2) if "extrasamples" in options else (20, 20)
    shape = (20, 20, 3) if options.get("photometric") in (8, "rgb") else shape
    assert reason in (tiff.probe(write(np.zeros(shape, dtype), **options)).unsupported or "")


def test_several_extra_channels() -> None:
    data = write(picture(20, 20, 5, "uint8"), photometric="rgb", extrasamples=["unassalpha", "unspecified"])
    assert "5 channels" in (tiff.probe(data).unsupported or "")


@pytest.mark.parametrize("extra", ["unassalpha", "unspecified", "assocalpha"])
def test_one_extra_channel_is_alpha(extra: str) -> None:
    probe = tiff.probe(write(picture(20, 20, 4, "uint8"), extrasamples=[extra]))
    assert probe.header.alpha and probe.unsupported is None


def test_missing_strips_are_missing_pixels() -> None:
    data = bytearray(write(picture(64, 60, 1, "uint8")[:, :, 0], rowsperstrip=16))
    entry = pages(bytes(data))[0].directory.entries[279]
    assert entry.count == 4
    data[entry.place : entry.place + entry.size // 4] = bytes(entry.size // 4)
    assert not tiff.complete(bytes(data))
    with pytest.raises(ImageTruncated):
        decoded(bytes(data))


def test_old_files_without_sizes_of_strips() -> None:
    pixels = picture(40, 30, 3, "uint8")
    data = bytearray(write(pixels, rowsperstrip=16))
    entry = pages(bytes(data))[0].directory.entries[279]
    data[entry.at : entry.at + 2] = b"\xff\xfe"  # a private tag instead
    mask = np.eye(40, 30, dtype=bool)
    wanted = np.where(mask[:, :, None], 255 - pixels, pixels)
    assert same(decoded(bytes(data)), pixels)
    assert same(decoded(encoded(wanted, bytes(data), mask).data), wanted)


def test_broken_headers() -> None:
    for data in (b"II*\0", b"II*\0\xff\xff\0\0", b"MM\0+\0\x08\0\0" + bytes(7)):
        with pytest.raises(EndsEarly):
            tiff.probe(data)
        assert tiff.icc(data) is None and not tiff.complete(data)
    with pytest.raises(ImageUnreadable):
        tiff.probe(b"II*\0\x08\0\0\0" + bytes(20))


def test_damaged_bytes_raise_item_errors_or_decode() -> None:
    rng = np.random.default_rng(5)
    full, options = picture(64, 96, 3, "uint8"), {"rowsperstrip": 16}
    files = [
        write_pages([(full, {"subifds": 1, "compression": c, **options}), (full[::2, ::2], {"subfiletype": 1})])
        for c in (None, "lzw", "zlib", "zstd")
    ]
    outcomes = set()
    for number in range(400):
        damaged = bytearray(files[number % len(files)])
        places = rng.integers(0, len(damaged), 5)
        if number % 2:  # the directories are at the start
            places %= 600
        for at in places:
            damaged[at] = rng.integers(0, 256)
        data = bytes(damaged)
        try:
            probe = tiff.probe(data)
            tiff.icc(data)
            if probe.unsupported or probe.header.megapixels > 1 or not probe.header.megapixels:
                continue
            pixels = tiff.decode(data, probe.header)
            mask = rng.random(pixels.shape[:2]) < 0.01
            wanted = np.where(mask[:, :, None], 9, pixels).astype(pixels.dtype)
            result = encoded(wanted, data, mask).data
            assert same(decoded(result), wanted) or tiff.probe(data).header.alpha
            outcomes.add("encoded")
        except (ItemError, EndsEarly) as error:
            outcomes.add(type(error).__name__)
    assert {"encoded", "ImageUnreadable", "ImageTruncated"} <= outcomes


def test_growth_beyond_the_end_of_a_classic_file(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.zeros((50, 60, 3), np.uint8)
    mask = np.ones((50, 60), bool)
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    monkeypatch.setattr("tasks.store.formats.tiff_draft._CLASSIC_END", 4000)
    with pytest.raises(ImageUnsupported, match="4 GiB"):
        encoded(noise, write(pixels, compression="lzw"), mask)
    assert same(decoded(encoded(noise, write(pixels, compression="lzw", bigtiff=True), mask).data), noise)
