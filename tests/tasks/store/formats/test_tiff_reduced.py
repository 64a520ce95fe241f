import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.formats.tiff_reduced import projected, renewed, scale
from tests.tasks.store.formats.tiff_files import same


@pytest.mark.parametrize(
    ("source", "copy", "expected"),
    [(100, 50, 2), (101, 50, 2), (101, 51, 2), (100, 30, 100 / 30), (7, 7, 1), (9, 1, 9)],
)
def test_scale(source: int, copy: int, expected: float) -> None:
    assert scale(source, copy) == expected


sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(sizes, st.floats(0.05, 1), st.floats(0.05, 1), st.integers(0, 99))
def test_projected(size: tuple[int, int], down: float, across: float, seed: int) -> None:
    small = max(1, round(size[0] * down)), max(1, round(size[1] * across))
    mask = np.random.default_rng(seed).random(size) < 0.05
    steps = [scale(a, b) for a, b in zip(size, small, strict=True)]
    found = projected(mask, small)
    assert found.shape == small
    for y in range(small[0]):
        for x in range(small[1]):
            rows = slice(int(y * steps[0]), int(np.ceil(round((y + 1) * steps[0], 9))))
            columns = slice(int(x * steps[1]), int(np.ceil(round((x + 1) * steps[1], 9))))
            if mask[rows, columns].any():
                assert found[y, x]
    assert found.sum() <= 4 * mask.sum()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(sizes, st.floats(0.05, 1), st.sampled_from(["uint8", "uint16", "float32"]), st.integers(0, 99))
def test_means(size: tuple[int, int], ratio: float, dtype: str, seed: int) -> None:
    small = max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))
    rng = np.random.default_rng(seed)
    top = 1 if dtype == "float32" else np.iinfo(dtype).max
    source = (rng.random((*size, 3)) * top).astype(dtype)
    copy = np.zeros((*small, 3), dtype)
    everything = np.ones(small, bool)
    after, new = renewed(copy, source, everything)
    assert new.all() and after.dtype == dtype
    if all(isinstance(scale(a, b), float) for a, b in zip(size, small, strict=True)):
        expected = cv2.resize(source, small[::-1], interpolation=cv2.INTER_AREA).reshape(after.shape)
        assert np.abs(after.astype(float) - expected).max() <= (1e-5 if dtype == "float32" else 1)
    constant = np.full((*size, 3), top // 3 if dtype != "float32" else 0.3, dtype)
    np.testing.assert_allclose(renewed(copy, constant, everything)[0], constant[0, 0, 0], rtol=1e-6)


def test_samples_beside_are_new_where_a_wider_filter_saw_the_hole() -> None:
    source = np.full((240, 240, 1), 200, np.uint8)
    spot = source.copy()
    spot[100:140, 100:140] = 0
    touched = projected(spot[:, :, 0] == 0, (40, 40))
    for filter_, wider in ((cv2.INTER_AREA, False), (cv2.INTER_LANCZOS4, True)):
        blurred = cv2.GaussianBlur(spot, (0, 0), 6)[:, :, None] if wider else spot
        copy = cv2.resize(blurred, (40, 40), interpolation=filter_)[:, :, None]
        after, new = renewed(copy, source, touched)
        assert (new.sum() > touched.sum()) == wider
        assert same(after[~new], copy[~new])
        assert np.abs(after.astype(int) - 200).max() <= 10


def test_what_is_no_number_counts_for_nothing() -> None:
    source = np.full((8, 8, 1), 0.5, np.float32)
    source[0, 0], source[4:, 4:] = np.nan, np.inf
    after, _ = renewed(np.zeros((2, 2, 1), np.float32), source, np.ones((2, 2), bool))
    assert after[0, 0, 0] == 0.5 and np.isnan(after[1, 1, 0])
