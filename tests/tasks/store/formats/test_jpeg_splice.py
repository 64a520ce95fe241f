import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.formats.jpeg_colour import Samples, samples
from tasks.store.formats.jpeg_frame import Component, Frame
from tasks.store.formats.jpeg_splice import splice, tiles, touched

GREY = [Samples(np.ones(1, np.float32), 0)]
SIZES = st.sampled_from(((1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (1, 4), (3, 2)))
SEEDED = settings(derandomize=True, deadline=None, max_examples=60)


def grey(height: int, width: int) -> Frame:
    return Frame(0xC0, 8, height, width, (Component(1, 1, 1, 0),))


def blocks_of(plane: np.ndarray) -> np.ndarray:
    """(rows, columns, 64) float DCT coefficients of (8 · rows, 8 · columns) samples, by OpenCV."""
    rows, columns = plane.shape[0] // 8, plane.shape[1] // 8
    parts = plane.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3).astype(np.float64) - 128
    return np.array([[cv2.dct(p).reshape(64) for p in row] for row in parts])


@SEEDED
@given(st.integers(1, 70), st.integers(1, 70), SIZES, st.integers(0, 99))
def test_touched(height: int, width: int, size: tuple[int, int], seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.002
    high, wide = 8 * size[0], 8 * size[1]
    expected = np.zeros((-(-height // high), -(-width // wide)), bool)
    for y, x in zip(*np.nonzero(mask), strict=True):
        expected[y // high, x // wide] = True
    assert np.array_equal(touched(mask, size), expected)


@SEEDED
@given(st.integers(1, 70), st.integers(1, 70), SIZES, st.integers(0, 99))
def test_tiles(height: int, width: int, size: tuple[int, int], seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    high, wide = 8 * size[0], 8 * size[1]
    rows, columns = np.nonzero(np.ones((-(-height // high), -(-width // wide))))
    down, right = (rows.max() + 1) * high - height, (columns.max() + 1) * wide - width
    padded = np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="edge")
    expected = [
        padded[r * high : (r + 1) * high, c * wide : (c + 1) * wide] for r, c in zip(rows, columns, strict=True)
    ]
    assert np.array_equal(tiles(pixels, rows, columns, size), expected)


@SEEDED
@given(st.integers(0, 10**6), st.sampled_from((1, 3, 16, 60)), st.floats(0, 1))
def test_blocks_are_the_nearest_to_known_and_new_samples(seed: int, step: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    before = cv2.GaussianBlur(rng.integers(0, 256, (24, 32)).astype(np.float32), (0, 0), 3)
    table = np.full(64, step, np.float32)
    plane = np.rint(blocks_of(before) / table).astype(np.int16)
    known = np.array([[cv2.idct((b * table).reshape(8, 8).astype(np.float64)) for b in row] for row in plane]) + 128
    known = known.transpose(0, 2, 1, 3).reshape(24, 32)
    mask = rng.random((24, 32)) < share
    new = rng.integers(0, 256, (24, 32, 1), dtype=np.uint8)
    wanted = blocks_of(np.where(mask, new[:, :, 0], known)) / table
    old = plane.copy()
    splice([plane], grey(24, 32), [table], GREY, new, mask)
    keeps = ~touched(mask, (1, 1))
    assert np.array_equal(plane[keeps], old[keeps])
    assert np.abs(plane - np.clip(wanted, -1024, 1023)).max() <= 0.51


@SEEDED
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6))
def test_a_mask_over_what_stays_gives_the_same_coefficients(height: int, width: int, seed: int) -> None:
    # A plane of whole numbers, constant beyond the edge: rounding and clipping take nothing from it.
    rng = np.random.default_rng(seed)
    pixels = cv2.GaussianBlur(rng.integers(0, 256, (height, width), dtype=np.uint8), (0, 0), 2)[:, :, None]
    mask = rng.random((height, width)) < 0.1
    padded = np.pad(pixels[:, :, 0], ((0, -height % 8), (0, -width % 8)), mode="edge")
    table = np.ones(64, np.float32)
    plane = np.rint(blocks_of(padded)).astype(np.int16)
    old = plane.copy()
    splice([plane], grey(height, width), [table], GREY, pixels, mask)
    assert np.abs(plane - old).max() <= 1


@pytest.mark.parametrize("masked", [0, 1, 2, 4])
def test_a_chroma_sample_changes_by_the_share_of_its_pixels(masked: int) -> None:
    shape = Frame(0xC0, 8, 16, 16, (Component(1, 2, 2, 0), Component(2, 1, 1, 0), Component(3, 1, 1, 0)))
    planes = [np.zeros((*shape.blocks(i), 64), np.int16) for i in range(3)]
    planes[1][0, 0, 0] = 80  # 10 above 128
    mask = np.zeros((8, 2, 8, 2), bool)
    mask[:, :, :, 0] = masked >= 2
    mask[:, 0, :, 0] = masked >= 1
    mask[:] |= masked == 4
    pixels = np.full((16, 16, 3), (128, 128, 168), np.uint8)
    splice(planes, shape, [np.ones(64, np.float32)] * 3, samples("ycc"), pixels, mask.reshape(16, 16))
    blue = 0.886 / 1.772 * 40
    assert planes[1][0, 0, 0] == round(8 * (10 + (blue - 10) * masked / 4))
    assert not planes[1][0, 0, 1:].any()
