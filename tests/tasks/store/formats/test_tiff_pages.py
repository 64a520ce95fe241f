"""Pyramids, thumbnails and documents: what shows the first page is made anew, all else is kept."""

import io
import struct
import time
from typing import Any

import cv2
import numpy as np
import pytest
import pyvips
import tifffile

from tasks.errors import ImageUnreadable, ImageUnsupported
from tasks.store.formats import tiff
from tasks.store.formats.header import EndsEarly
from tasks.store.formats.tiff_directory import pages
from tasks.store.formats.tiff_picture import Picture
from tests.tasks.store.formats.tiff_files import decoded, encoded, picture, read, same, tags, untouched, write_pages

Part = tuple[np.ndarray, dict[str, Any]]


def half(pixels: np.ndarray) -> np.ndarray:
    """Means of 2 × 2, odd last ones left out, as libvips makes pyramids."""
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    part = pixels[:height, :width].astype(np.float64).reshape(height // 2, 2, width // 2, 2, -1).mean(axis=(1, 3))
    if pixels.dtype.kind == "f":
        return part.astype(pixels.dtype)
    return np.floor(part + 0.5).astype(pixels.dtype)


def levels(data: bytes) -> list[np.ndarray]:
    """All pictures of the file, pages and SubIFDs."""
    return [Picture(page.directory).decode() for page in pages(data)]


def hole_in(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A mask off the grid of any level, and pixels of another grey there."""
    mask = np.zeros(pixels.shape[:2], bool)
    mask[41:78, 53:91] = True
    mask[20:23, 120:123] = True
    wanted = pixels.copy()
    wanted[mask] = wanted.reshape(-1, wanted.shape[2]).max(axis=0) // 3 if wanted.dtype.kind != "f" else 0.25
    return mask, wanted


def clean(pixels: np.ndarray) -> np.ndarray:
    return np.nan_to_num(pixels, nan=0.5)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("subs", [False, True])
@pytest.mark.parametrize("options", [{"compression": "lzw", "tile": (32, 32)}, {"rowsperstrip": 9}, {"bigtiff": True}])
def test_pyramids(dtype: str, subs: bool, options: dict[str, Any]) -> None:
    full = clean(picture(133, 202, 3, dtype))
    first, second = half(full), half(half(full))
    big = {"bigtiff": options.pop("bigtiff")} if "bigtiff" in options else {}
    reduced = {"subfiletype": 1, **options}
    data = write_pages([(full, {"subifds": 2 * subs, **options}), (first, reduced), (second, reduced)], **big)
    mask, wanted = hole_in(full)
    result = encoded(wanted, data, mask)
    assert result.notes == ("2 reduced pages made anew",)
    now = levels(result.data)
    assert same(now[0], wanted)
    seen = mask
    for before, after, expected in zip((first, second), now[1:], (half(wanted), half(half(wanted))), strict=True):
        height, width = before.shape[:2]
        seen = np.asarray(seen[: height * 2, : width * 2].reshape(height, 2, width, 2).any(axis=(1, 3)))
        assert same(after[~seen], before[~seen])
        np.testing.assert_allclose(after[seen], expected[seen], atol=1 if dtype != "float32" else 1e-6)
    assert str(tags(result.data)) == str(tags(data))
    untouched(data, result.data)
    assert encoded(wanted, result.data, mask).data == result.data


def test_pyramids_of_libvips() -> None:
    full = picture(700, 900, 3, "uint16")
    image = pyvips.Image.new_from_array(full).copy(interpretation="rgb16")
    for subifd in (False, True):
        data = image.tiffsave_buffer(
            pyramid=True, tile=True, tile_width=64, tile_height=64, subifd=subifd, compression="deflate"
        )
        mask, wanted = hole_in(full)
        result = encoded(wanted, data, mask)
        assert result.notes == ("4 reduced pages made anew",)
        fresh = pyvips.Image.new_from_array(wanted).copy(interpretation="rgb16")
        made = fresh.tiffsave_buffer(pyramid=True, tile=True, tile_width=64, tile_height=64, subifd=subifd)
        for before, after, expected in zip(levels(data), levels(result.data), levels(made), strict=True):
            changed = (before != after).any(axis=2)
            assert changed.mean() < 0.01
            assert np.abs(after.astype(int) - expected).max() <= 2
            assert not changed[(before == expected).all(axis=2)].any()


def test_a_thumbnail_that_does_not_say_so() -> None:
    full = picture(120, 180, 3, "uint8")
    small = cv2.resize(full, (90, 60), interpolation=cv2.INTER_LANCZOS4)
    data = write_pages([(full, {}), (small, {"compression": "zlib"})])
    mask, wanted = hole_in(full)
    result = encoded(wanted, data, mask)
    assert result.notes == ("1 reduced page made anew",)
    seen = cv2.dilate(mask.reshape(60, 2, 90, 2).any(axis=(1, 3)).astype(np.uint8), np.ones((3, 3)))
    after = read(result.data, 1)
    assert (after != small).any()
    assert same(after[seen == 0], small[seen == 0])
    assert np.abs(after.astype(int) - cv2.resize(wanted, (90, 60), interpolation=cv2.INTER_AREA)).max() < 60


@pytest.mark.parametrize(
    ("main", "small"),
    [
        (("uint16", 3, {}), ("uint8", 3, {})),
        (("uint16", 1, {}), ("uint8", 1, {"photometric": "miniswhite"})),
        (("uint8", 3, {}), ("uint8", 1, {})),
        (("uint8", 3, {}), ("uint16", 3, {"planarconfig": "separate"})),
        (("uint8", 4, {"extrasamples": ["unassalpha"]}), ("uint8", 3, {})),
    ],
)
def test_thumbnails_of_another_kind(main: tuple[str, int, Any], small: tuple[str, int, Any]) -> None:
    full = picture(120, 180, main[1], main[0])
    thumbnail = picture(120, 180, small[1], small[0])[::3, ::3]
    if small[2].get("photometric"):
        thumbnail = np.iinfo(small[0]).max - thumbnail
    parts = [(full, main[2]), (thumbnail, {"subfiletype": 1, **small[2]})]
    data = write_pages([(p if p.shape[2] > 1 else p[:, :, 0], options) for p, options in parts])
    mask, wanted = hole_in(full)
    result = encoded(wanted, data, mask)
    assert result.notes == ("1 reduced page made anew",)
    before, after = levels(data)[1], levels(result.data)[1]
    changed = (before != after).any(axis=2)
    top = np.iinfo(small[0]).max
    assert changed[15:25, 19:29].all() and changed.mean() < 0.15
    shade = wanted[60, 70][: 3 if main[1] > 1 else 1].mean() / np.iinfo(main[0]).max
    assert np.abs(after[15:25, 19:29] / top - shade).max() < 0.06


def test_a_palette_and_its_thumbnail() -> None:
    rng = np.random.default_rng(0)
    table = np.repeat(np.arange(256)[None] * 257, 3, axis=0).astype(np.uint16)
    indices = picture(120, 180, 1, "uint8")[:, :, 0]
    kind: dict[str, Any] = {"photometric": "palette", "colormap": table}
    data = write_pages([(indices, kind), (half(indices[:, :, None])[:, :, 0], {"subfiletype": 1, **kind})])
    full = decoded(data)
    mask, wanted = hole_in(full)
    wanted[mask] = rng.integers(100, 110, (mask.sum(), 1))
    result = encoded(wanted, data, mask)
    assert "1 reduced page made anew" in result.notes
    assert np.abs(levels(result.data)[1].astype(int) - half(wanted)).max() <= 8


def test_documents_are_kept() -> None:
    parts: list[Part] = [(picture(90, 120, 3, "uint8", n), {"compression": "lzw"}) for n in range(4)]
    parts[2] = (np.random.default_rng(0).integers(0, 2, (45, 60)).astype(bool), {})
    parts.append((picture(40, 70, 1, "uint16", 9)[:, :, 0], {}))
    parts.append((np.random.default_rng(1).integers(0, 256, (45, 60, 3), dtype=np.uint8), {}))
    data = write_pages(parts)
    assert tiff.probe(data).pages == 6
    mask, wanted = hole_in(parts[0][0])
    result = encoded(wanted, data, mask)
    assert result.notes == ("pages 2–6 kept as they were",)
    assert same(read(result.data), wanted)
    for number, (pixels, _) in list(enumerate(parts))[1:]:
        assert np.array_equal(read(result.data, number).squeeze(), pixels)
    assert str(tags(result.data)) == str(tags(data))
    untouched(data, result.data)


def test_pages_of_the_same_size() -> None:
    """A copy shows what was removed; a page that is equal only outside the hole is another page."""
    full = picture(120, 180, 3, "uint8")
    mask, wanted = hole_in(full)
    blank = np.full_like(full, 255)
    for everywhere in (full, blank):
        other = everywhere.copy()
        other[60, 60] ^= 1
        data = write_pages([(everywhere, {}), (everywhere, {"compression": "lzw"}), (other, {})])
        wanted = np.where(mask[:, :, None], 77, everywhere).astype(np.uint8)
        result = encoded(wanted, data, mask)
        assert result.notes == ("1 reduced page made anew", "page 3 kept as it was")
        assert same(read(result.data, 1), wanted)
        assert same(read(result.data, 2), other)


def test_everything_masked_is_compared_by_the_original() -> None:
    full = picture(120, 180, 3, "uint8")
    unlike = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    data = write_pages([(full, {}), (half(full), {}), (unlike, {})])
    wanted = 255 - full
    result = encoded(wanted, data, np.ones((120, 180), bool))
    assert result.notes == ("1 reduced page made anew", "page 3 kept as it was")
    assert np.abs(read(result.data, 1).astype(int) - half(wanted)).max() <= 1
    assert same(read(result.data, 2), unlike)


def test_transparency_masks_are_kept() -> None:
    full = picture(120, 180, 3, "uint8")
    shape = np.ones((120, 180), bool)
    data = write_pages([(full, {}), (shape, {"subfiletype": 4, "photometric": 4})])
    mask, wanted = hole_in(full)
    result = encoded(wanted, data, mask)
    assert result.notes == ("page 2 kept as it was",)
    untouched(data, result.data)


@pytest.mark.parametrize("flagged", [True, False])
def test_copies_that_cannot_be_written(flagged: bool) -> None:
    full = picture(120, 180, 3, "uint8")
    options: dict[str, Any] = {"compression": "jpeg", "subfiletype": int(flagged)}
    data = write_pages([(full, {}), (half(full), options)])
    mask, wanted = hole_in(full)
    if flagged:
        assert "page 2, a reduced copy of the picture, is a TIFF with JPEG" in (tiff.probe(data).unsupported or "")
    with pytest.raises(ImageUnsupported, match="page 2 shows the picture, and is a TIFF with JPEG"):
        encoded(wanted, data, mask)
    unlike = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    if not flagged:
        data = write_pages([(full, {}), (unlike, options)])
        assert encoded(wanted, data, mask).notes == ("page 2 kept as it was",)


def test_larger_copies_and_other_shapes() -> None:
    full = picture(120, 180, 3, "uint8")
    mask = np.zeros((60, 90), bool)
    mask[20:30] = True
    data = write_pages([(half(full), {}), (full, {})])
    with pytest.raises(ImageUnsupported, match="larger"):
        encoded(half(full), data, mask)
    data = write_pages([(half(full), {"subfiletype": 1}), (full, {})])
    assert "reduced copy of another" in (tiff.probe(data).unsupported or "")
    data = write_pages([(half(full), {}), (full[:30, :30], {"subfiletype": 1})])
    with pytest.raises(ImageUnsupported, match="shape"):
        encoded(half(full), data, mask)
    data = write_pages(
        [(half(full), {}), (picture(50, 50, 1, "uint8")[:, :, 0], {}), (full[:30, :30], {"subfiletype": 1})]
    )
    assert encoded(half(full), data, mask).notes == ("pages 2–3 kept as they were",)


def test_old_jpeg_thumbnails() -> None:
    full = picture(120, 180, 3, "uint8")
    small = cv2.resize(full, (90, 60), interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    data = bytearray(write_pages([(full, {"compression": "lzw"})]))
    at = len(data) + len(data) % 2
    data = data.ljust(at, b"\0")
    entries = [(256, 90), (257, 60), (259, 6), (513, at + 2 + 5 * 12 + 4), (514, len(jpeg))]
    data += struct.pack("<H", 5) + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in entries) + bytes(4) + jpeg
    struct.pack_into("<I", data, pages(bytes(data))[0].directory.link, at)
    assert tiff.probe(bytes(data)).unsupported is None
    mask, wanted = hole_in(full)
    result = encoded(wanted, bytes(data), mask)
    assert result.notes == ("1 JPEG thumbnail made anew",)
    place, size = (pages(result.data)[1].directory.integer(tag, 0) for tag in (513, 514))
    thumbnail = cv2.imdecode(np.frombuffer(result.data[place : place + size], np.uint8), cv2.IMREAD_COLOR)
    assert thumbnail is not None
    expected = cv2.resize(wanted, (90, 60), interpolation=cv2.INTER_AREA)
    assert np.abs(thumbnail[:, :, ::-1].astype(int) - expected).mean() < 6
    assert jpeg[-300:-200] not in result.data


@pytest.mark.parametrize("big", [False, True])
def test_chains_without_end(big: bool) -> None:
    data = bytearray(write_pages([(picture(9, 9, 1, "uint8", n)[:, :, 0], {}) for n in range(3)], bigtiff=big))
    chain = [page.directory for page in pages(bytes(data))]
    struct.pack_into("<Q" if big else "<I", data, chain[2].link, chain[1].at)
    with pytest.raises(ImageUnreadable, match="circle"):
        tiff.probe(bytes(data))
    struct.pack_into("<Q" if big else "<I", data, chain[2].link, len(data) - 1)
    with pytest.raises(EndsEarly):
        tiff.probe(bytes(data))


def test_very_many_directories_end_soon() -> None:
    def chain(count: int, entries: int) -> bytes:
        size = 2 + 12 * entries + 4
        body = bytes(12 * entries)
        parts = [struct.pack("<H", entries) + body + struct.pack("<I", 8 + size * (n + 1)) for n in range(count)]
        return b"II*\0\x08\0\0\0" + b"".join(parts)[:-4] + bytes(4)

    started = time.perf_counter()
    for count, entries in ((70_000, 1), (400, 4000)):
        with pytest.raises(ImageUnreadable, match="too many"):
            tiff.probe(chain(count, entries))
    assert time.perf_counter() - started < 10
    with tifffile.TiffFile(io.BytesIO(write_pages([(picture(9, 9, 3, "uint8"), {})] * 300))) as file:
        assert len(file.pages) == 300
