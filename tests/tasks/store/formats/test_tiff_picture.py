import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import ImageTruncated, ImageUnreadable
from tasks.store.formats.tiff_directory import first, pages
from tasks.store.formats.tiff_draft import Draft
from tasks.store.formats.tiff_picture import Picture
from tests.tasks.store.formats.tiff_files import Sample, picture, same, samples, stored_of, write


@settings(max_examples=80, deadline=None, derandomize=True)
@given(samples(), st.integers(1, 20))
def test_reading(sample: Sample, step: int) -> None:
    found = Picture(first(sample.data))
    assert found.size == sample.mask.shape
    assert same(found.decode(), sample.pixels)
    assert same(found.stored(), stored_of(sample, sample.pixels))
    assert same(found.sampled(step), np.ascontiguousarray(sample.pixels[::step, ::step]))
    everywhere = np.ones_like(sample.mask)
    assert found.like(sample.pixels, everywhere)
    assert found.like(sample.wanted, ~sample.mask)
    assert found.like(sample.wanted, everywhere) == same(sample.wanted, sample.pixels)


def test_rewriting_says_whether_anything_differs() -> None:
    pixels = picture(40, 50, 3, "uint16")
    data = write(pixels, compression="zlib", tile=(16, 16))
    mask = np.eye(40, 50, dtype=bool)
    for wanted, differs in ((pixels, False), (np.where(mask[:, :, None], 0, pixels).astype(np.uint16), True)):
        draft = Draft(data, pages(data))
        assert Picture(first(data)).rewrite(draft, wanted, mask) == (differs, ())
        assert (draft.finish() != data) == differs


def test_padding_of_tiles_is_kept() -> None:
    pixels = picture(20, 20, 1, "uint8")[:, :, 0]
    data = bytearray(write(pixels, tile=(32, 32)))
    (at,) = first(bytes(data)).array(324).tolist()
    tile = np.frombuffer(data, np.uint8, 1024, at).reshape(32, 32).copy()
    outside = np.ones((32, 32), bool)
    outside[:20, :20] = False
    tile[outside] = np.random.default_rng(0).integers(0, 256, outside.sum())
    data[at : at + 1024] = tile.tobytes()
    draft = Draft(bytes(data), pages(bytes(data)))
    wanted = 255 - pixels[:, :, None]
    Picture(first(bytes(data))).rewrite(draft, wanted, np.ones((20, 20), bool))
    after = np.frombuffer(draft.finish(), np.uint8, 1024, at).reshape(32, 32)
    assert (after[outside] == tile[outside]).all()
    assert (after[:20, :20] == wanted[:, :, 0]).all()


@pytest.mark.parametrize("value", [0, 1 << 31])
def test_chunks_outside_the_file(value: int) -> None:
    data = bytearray(write(picture(40, 50, 3, "uint8"), compression="lzw", rowsperstrip=10))
    entry = first(bytes(data)).entries[273 if value else 279]
    size = entry.size // entry.count
    data[entry.place : entry.place + size] = value.to_bytes(size, "little")
    with pytest.raises(ImageTruncated):
        Picture(first(bytes(data))).decode()


def test_palettes_of_eight_bit_values() -> None:
    table = np.arange(768, dtype=np.uint16).reshape(3, 256)
    indices = np.arange(200, dtype=np.uint8).reshape(10, 20)
    sixteen = Picture(first(write(indices, photometric="palette", colormap=table * 64))).decode()
    assert same(sixteen, (table.T[indices] * 64 >> 8).astype(np.uint8))
    eight = Picture(first(write(indices, photometric="palette", colormap=table // 3))).decode()
    assert same(eight, (table.T[indices] // 3).astype(np.uint8))


def test_a_palette_that_is_not_that_of_the_picture() -> None:
    table = np.arange(768, dtype=np.uint16).reshape(3, 256) * 64
    data = write(np.zeros((10, 10), np.uint8), photometric="palette", colormap=table)
    with pytest.raises(ImageUnreadable):
        Picture(first(data)).rewrite(Draft(data, pages(data)), np.ones((10, 10, 3), np.uint8), np.eye(10, dtype=bool))
