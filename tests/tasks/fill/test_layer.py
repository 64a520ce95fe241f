import numpy as np
import pytest

from tasks.fill.layer import Layer, Window, half, layer_of
from tasks.fill.region import Region


def ramp(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(h, w, 3): linear in the place (pixels of the image)."""
    plane = 0.1 + 0.002 * y[:, None] + 0.001 * x[None, :]
    return np.repeat(plane[:, :, None], 3, axis=2).astype(np.float32)


@pytest.mark.parametrize("step", [2.0, 3.7, 9.1])
@pytest.mark.parametrize("halvings", [0, 1])
def test_what_is_linear_stays_in_its_place(step: float, halvings: int) -> None:
    centres = (np.arange(40) + 0.5) * step
    layer = Layer(ramp(10 + centres, 20 + centres), 10.0, 20.0, step, step)
    size = 1 << halvings
    window = Window(halvings, 40 // size, 44 // size, 20, 12)
    y, x = ((start + np.arange(count) + 0.5) * size for start, count in ((window.y, 20), (window.x, 12)))
    assert np.abs(layer.at(window) - ramp(y, x)).max() < 1e-5


def test_a_part_is_cut_from_the_whole() -> None:
    layer = Layer(np.random.default_rng(0).random((30, 30, 3), dtype=np.float32), -3.0, 5.0, 3.3, 2.2)
    whole = layer.at(Window(0, 0, 0, 90, 80))
    assert np.abs(whole[17:60, 33:70] - layer.at(Window(0, 17, 33, 43, 37))).max() < 1e-6
    assert whole.min() >= 0 and whole.max() <= 1


def test_windows_know_their_region_and_each_other() -> None:
    window = Window(3, 2, 4, 10, 6)
    assert window.region == Region(32, 16, 48, 80, 6, 10)
    assert window.grown(3, (100, 100)) == Window(3, 0, 1, 15, 12)
    assert window.grown(3, (12, 10)) == Window(3, 0, 1, 12, 9)
    assert window.inner(Window(3, 3, 4, 2, 2)) == (slice(1, 3), slice(0, 2))
    fill = np.zeros((5, 4, 3), np.float32)
    assert layer_of(fill, Region(7, 9, 40, 20, 4, 5)) == Layer(fill, 9.0, 7.0, 4.0, 10.0)


@pytest.mark.parametrize("shape", [(4, 6), (5, 7), (1, 1)])
def test_half_is_a_mean(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).random((*shape, 3), dtype=np.float32)
    small = half(values)
    assert small.shape == (-(-shape[0] // 2), -(-shape[1] // 2), 3)
    assert np.allclose(small[0, 0], values[:2, :2].mean(axis=(0, 1)))
