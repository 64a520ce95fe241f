import io
from typing import Any

import cv2
import numpy as np
import pytest
import pyvips
import tifffile

from tasks.errors import ImageTruncated, ImageUnreadable
from tasks.store import tiff
from tasks.store.header import EndsEarly
from tasks.store.image import decode, encode, read_header


def write(pixels: np.ndarray, **options: Any) -> bytes:
    """By tifffile, whose directory comes before the pixels (libtiff puts it behind them)."""
    file = io.BytesIO()
    options = {"photometric": "rgb" if pixels.ndim == 3 and pixels.shape[2] > 2 else "minisblack", **options}
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
def test_byte_orders_and_big_files(byteorder: str, bigtiff: bool, depth: int, make_pixels: Any) -> None:
    pixels = make_pixels(50, 60, 3, depth)
    data = write(pixels, byteorder=byteorder, bigtiff=bigtiff, rowsperstrip=8)
    header = read_header(data, 1)
    assert (header.width, header.height, header.channels, header.bit_depth) == (60, 50, 3, depth)
    assert np.array_equal(decode(data, header), pixels)
    encoded = encode(pixels, data)
    assert np.array_equal(decode(encoded, header), pixels)
    assert tiff.directory(encoded).big == bigtiff
    for tenth in range(1, 10):
        with pytest.raises(ImageTruncated):
            cut = data[: len(data) * tenth // 10]
            decode(cut, read_header(cut, 1))


def test_separate_planes_come_back_interleaved(make_pixels: Any) -> None:
    pixels = make_pixels(50, 60, 3, 16)
    data = write(np.ascontiguousarray(pixels.transpose(2, 0, 1)), planarconfig="separate")
    header = read_header(data, 1)
    assert np.array_equal(decode(data, header), pixels)
    assert np.array_equal(decode(encode(pixels, data), header), pixels)


def test_layout_is_kept(picture: Any) -> None:
    tags = {"tiff": (278,), "tiff lzw": (278, 317), "tiff deflate tiles": (322, 323, 317), "tiff big": (278, 317)}
    for kind, numbers in tags.items():
        data, pixels = picture(kind, size=(300, 150))
        before, after = (tiff.directory(d) for d in (data, encode(pixels, data)))
        for number in (*numbers, 256, 257, 258, 259, 262, 277):
            assert before.integers(number) == after.integers(number), (kind, number)


def test_one_large_strip(make_pixels: Any) -> None:
    pixels = np.tile(make_pixels(50, 60, 3, 16), (60, 40, 1))
    data = write(pixels)
    assert len(tiff.directory(data).integers(273)) == 1
    header = read_header(data, 100)
    assert np.array_equal(decode(data, header), pixels)
    assert np.array_equal(decode(encode(pixels, data), header), pixels)


@pytest.mark.parametrize(("tag", "alpha"), [("unassalpha", True), ("assocalpha", False), ("unspecified", False)])
def test_only_plain_alpha_is_alpha(tag: str, alpha: bool, make_pixels: Any) -> None:
    data = write(make_pixels(50, 60, 4, 8), extrasamples=[tag])
    assert (tiff.probe(data).unsupported is None) == alpha


@pytest.mark.parametrize(
    ("options", "dtype", "reason"),
    [
        ({"photometric": "miniswhite"}, "uint8", "MinIsWhite"),
        ({"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)}, "uint8", "palette"),
        ({}, "float32", "float"),
        ({}, "int16", "float or signed"),
        ({}, "uint32", "32 bits"),
    ],
)
def test_unsupported(options: dict[str, Any], dtype: str, reason: str) -> None:
    assert reason in (tiff.probe(write(np.zeros((20, 20), dtype), **options)).unsupported or "")


def test_pages() -> None:
    probe = tiff.probe(write(np.zeros((3, 20, 20), np.uint8), photometric="minisblack"))
    assert probe.pages == 2
    assert "pages" in (probe.unsupported or "")


def test_missing_strips_are_missing_pixels(make_pixels: Any) -> None:
    data = bytearray(write(make_pixels(64, 60, 1, 8)[:, :, 0], rowsperstrip=16))
    _, count, at = tiff.directory(bytes(data)).tags[279]
    assert count == 4
    data[at : at + 4] = bytes(4)
    with pytest.raises(ImageTruncated):
        decode(bytes(data), read_header(bytes(data), 1))


def test_metadata_that_libvips_knows(make_pixels: Any, save: Any) -> None:
    metadata = {
        "icc-profile-data": pyvips.Operation.call("profile_load", "p3"),
        "xmp-data": b"<x/>",
        "image-description": "a page",
        "orientation": 8,
        "dpi": 600,
    }
    pixels = make_pixels(20, 30, 3, 16)
    data = save(pixels, ".tif", metadata, resunit="inch")
    before, after = (pyvips.Image.tiffload_buffer(d) for d in (data, tiff.encode(pixels, data)))
    for name in (*metadata.keys() - {"dpi"}, "resolution-unit", "xres", "yres"):
        assert before.get(name) == after.get(name), name


def test_file_without_resolution(make_pixels: Any) -> None:
    pixels = make_pixels(20, 30, 3, 8)
    data = cv2.imencode(".tif", pixels)[1].tobytes()
    assert not {282, 283, 296} & tiff.directory(data).tags.keys()
    assert np.array_equal(decode(encode(pixels, data), read_header(data, 1)), pixels)


def test_broken_headers() -> None:
    for data in (b"II*\0", b"II*\0\xff\xff\0\0", b"MM\0+\0\x08\0\0" + bytes(7)):
        with pytest.raises(EndsEarly):
            tiff.probe(data)
    with pytest.raises(ImageUnreadable):
        tiff.probe(b"II*\0\x08\0\0\0" + bytes(20))
