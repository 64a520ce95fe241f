import numpy as np
import pytest

from tasks.correct.trend import trend
from tasks.fill.ring import Ring


def _frame(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = (v[:, :, None].astype(np.float32) for v in np.mgrid[:height, :width] / max(height, width))
    truth = (0.2, 0.5, 0.3) + rows * (0.3, -0.2, 0.1) + columns * (0.2, 0.1, 0.3) + rows * columns * (0.1, 0.05, -0.1)
    known = np.ones((height, width), bool)
    known[14:-14, 14:-14] = False
    return truth.astype(np.float32), known


@pytest.mark.parametrize("shape", [(60, 90), (160, 120), (500, 640)])
def test_a_curved_gradient_is_found(shape: tuple[int, int]) -> None:
    truth, known = _frame(*shape)
    found = trend(np.where(known[:, :, None], truth, 0), Ring(known))
    assert found.shape == truth.shape
    assert found.dtype == np.float32
    assert np.abs(found - truth).max() < 0.002


def test_a_tree_does_not_bend_the_sky() -> None:
    truth, known = _frame(100, 100)
    seen = np.where(known[:, :, None], truth, 0)
    seen[:14, 40:55] = 0.05
    assert np.abs(trend(seen, Ring(known)) - truth).max() < 0.01


def test_of_a_single_pixel_it_is_the_colour() -> None:
    known = np.zeros((20, 30), bool)
    known[3, 4] = True
    assert np.allclose(trend(known[:, :, None] * np.float32([0.2, 0.5, 0.7]), Ring(known)), (0.2, 0.5, 0.7), atol=1e-4)
