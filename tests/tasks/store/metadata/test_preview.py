import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.colour import Plain
from tasks.store.metadata.preview import Preview
from tests.tasks.store.metadata.secret import picture, result

DTYPES = (np.uint8, np.uint16, np.float32)


def scaled(pixels: np.ndarray, dtype: type) -> np.ndarray:
    return (
        pixels
        if dtype is np.uint8
        else pixels.astype(np.uint16) * 257
        if dtype is np.uint16
        else pixels / np.float32(255)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_shows_the_picture(dtype: type, channels: int) -> None:
    pixels = picture()[:, :, :channels]
    drawn = Preview(scaled(pixels, dtype), Plain(channels)).draw(150, 100)
    expected = cv2.resize(picture(), (150, 100), interpolation=cv2.INTER_AREA)[:, :, :channels]
    assert drawn.shape == (100, 150, 3) and drawn.dtype == np.uint8
    assert np.abs(drawn.astype(int) - expected).max() <= 1


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 300), st.integers(1, 300))
def test_any_size_from_any_size(full_width: int, full_height: int, width: int, height: int) -> None:
    preview = Preview(picture(full_width, full_height), Plain())
    assert preview.size == (full_width, full_height)
    assert preview.draw(width, height).shape == preview.fitted(width, height).shape == (height, width, 3)


@pytest.mark.parametrize(("size", "bars"), [((160, 107), None), ((160, 120), (slice(0, 6), slice(None)))])
def test_bars_only_where_the_shape_is_another(size: tuple[int, int], bars: tuple[slice, slice] | None) -> None:
    preview = result()
    drawn = preview.fitted(*size)
    if bars is None:
        assert np.array_equal(drawn, preview.draw(*size))
    else:
        assert not drawn[bars].any() and drawn[8:-8].all()
        assert np.array_equal(drawn[6:113], preview.draw(160, 107))


def test_a_tall_picture_has_its_bars_at_the_sides() -> None:
    drawn = result(200, 300).fitted(160, 120)
    assert drawn[:, 40:120].all() and not drawn[:, :40].any() and not drawn[:, 120:].any()


@pytest.mark.parametrize("width", [100, 900, 1500])
def test_large_pictures_look_as_they_do_at_once(width: int) -> None:
    # Beside an alpha channel, as a decoded picture's colours are.
    pixels = np.dstack([picture(2600, 1300), np.zeros((1300, 2600), np.uint8)])[:, :, :3]
    expected = cv2.resize(np.ascontiguousarray(pixels), (width, width // 2), interpolation=cv2.INTER_AREA)
    drawn = Preview(pixels, Plain()).draw(width, width // 2).astype(int)
    error = np.abs(drawn - expected)
    # Rounding happens twice, and a pixel of the copy that lies across an edge is shared.
    assert error.mean() < 0.2 and np.percentile(error, 99.5) <= 2


def test_what_is_drawn_does_not_depend_on_what_was_drawn_before() -> None:
    pixels, sizes = picture(2500, 1000), [(1500, 600), (160, 120), (640, 480), (160, 120)]
    together = Preview(pixels, Plain())
    for size in sizes:
        assert np.array_equal(together.draw(*size), Preview(pixels, Plain()).draw(*size))


def test_memory_of_a_large_picture() -> None:
    pixels = np.zeros((5000, 6000, 4), np.uint16)[:, :, :3]
    tracemalloc.start()
    Preview(pixels, Plain()).draw(160, 120)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * pixels.size * 2


def test_floats_that_are_no_numbers() -> None:
    pixels = np.full((10, 10, 3), 0.5, np.float32)
    pixels[2], pixels[5], pixels[8] = np.nan, np.inf, -np.inf
    drawn = Preview(pixels, Plain()).draw(10, 10)
    assert drawn[0, 0, 0] == 128 and drawn[5, 0, 0] == 255 and drawn[2, 0, 0] == drawn[8, 0, 0] == 0
