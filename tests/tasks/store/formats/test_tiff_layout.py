from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import ImageTruncated, ImageUnreadable
from tasks.store.formats.tiff_directory import first
from tasks.store.formats.tiff_kind import kind_of
from tasks.store.formats.tiff_layout import Layout
from tests.tasks.store.formats.tiff_files import Sample, picture, samples, write


def layout_of(data: bytes) -> Layout:
    return Layout(first(data), kind_of(first(data)))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(samples(compression="none"), st.booleans())
def test_chunks_are_the_picture(sample: Sample, parts: bool) -> None:
    layout = layout_of(sample.data)
    height, width, channels = sample.pixels.shape
    covered = np.zeros((channels if layout.separate else 1, height, width), int)
    for chunk in layout.chunks(parts):
        covered[(chunk.plane, *chunk.box)] += 1
        assert chunk.size == chunk.rows * layout.row_bytes
        assert chunk.offset + chunk.size <= len(sample.data)
    assert (covered == 1).all()
    touched = list(layout.touched(sample.mask, parts))
    assert touched == [chunk for chunk in layout.chunks(parts) if sample.mask[chunk.box].any()]


def test_a_large_uncompressed_strip_is_read_in_parts() -> None:
    pixels = np.zeros((3000, 500, 3), np.uint16)
    layout = layout_of(write(pixels, rowsperstrip=3000))
    parts, whole = list(layout.chunks()), list(layout.chunks(parts=False))
    assert len(whole) == 1 and len(parts) == 9
    assert max(part.size for part in parts) <= 1 << 20
    mask = np.zeros((3000, 500), bool)
    mask[1234, 17] = True
    (part,) = layout.touched(mask)
    assert part.y <= 1234 < part.y + part.height


def patched(data: bytes, tag: int, value: int) -> bytes:
    entry = first(data).entries[tag]
    size = entry.size // entry.count
    return data[: entry.place] + value.to_bytes(size, "little") + data[entry.place + size :]


def test_sizes_that_count_rows_that_are_not_there() -> None:
    data = write(picture(50, 40, 3, "uint8"), rowsperstrip=30)
    assert layout_of(data).sizes.tolist() == [3600, 2400]
    assert layout_of(patched(data, 279, 5000)).sizes.tolist() == [3600, 2400]
    assert layout_of(patched(data, 279, 50)).sizes.tolist() == [50, 2400]


@pytest.mark.parametrize(("tag", "value"), [(256, 0), (257, 0), (322, 0), (323, 0), (323, 1 << 15)])
def test_absurd_sizes(tag: int, value: int) -> None:
    options: dict[str, Any] = {"tile": (16, 16)} if tag > 300 else {}
    data = patched(write(picture(20, 20, 3, "uint8"), **options), tag, value)
    if (tag, value) == (323, 1 << 15):
        data = patched(data, 322, 1 << 15)
    with pytest.raises(ImageUnreadable):
        layout_of(data)


def test_too_few_strips() -> None:
    data = write(picture(50, 40, 3, "uint8"), rowsperstrip=30)
    with pytest.raises(ImageTruncated, match="2 of 50"):
        layout_of(patched(data, 278, 1))
