import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from tasks.judge import colour_shift as module
from tasks.judge.colour_shift import colour_shift, sliced_wasserstein
from tasks.judge.scene import scene


def test_a_larger_shift_of_colour_is_larger(whole, changed) -> None:
    tint = np.array([1, -0.5, 0.3])
    squeezed = [colour_shift(changed(lambda fill, by=by: 0.3 + 0.4 * fill + by * tint)) for by in (0, 0.15, 0.3)]
    assert squeezed[1] < squeezed[2]
    assert squeezed[2] > squeezed[0]
    assert colour_shift(whole) < squeezed[2]


def test_a_plain_shift_has_the_length_that_is_said() -> None:
    own = np.zeros((64, 64), dtype=bool)
    own[20:40, 20:40] = True
    seen = np.full((64, 64, 3), 0.3, dtype=np.float32)
    assert colour_shift(scene(seen, own)) == pytest.approx(0, abs=1e-6)
    seen[own] += np.float32(0.2)
    assert colour_shift(scene(seen, own)) == pytest.approx(0.2 * 3**0.5 / 2, rel=0.05)


@given(st.integers(0, 1000), st.integers(50, 400), st.integers(50, 400))
@settings(deadline=None, max_examples=20)
def test_it_is_the_mean_of_scipy_s_distances_of_projections(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((n, 3), dtype=np.float32), rng.random((m, 3), dtype=np.float32) ** 2
    directions = module._directions()
    assert np.linalg.norm(directions, axis=0) == pytest.approx(1, abs=1e-5)
    expected = np.mean([wasserstein_distance(a @ d, b @ d) for d in directions.T])
    assert sliced_wasserstein(a, b) == pytest.approx(expected, rel=0.08, abs=3e-3)
    assert sliced_wasserstein(a, b) == pytest.approx(sliced_wasserstein(b, a))


def test_without_a_ring_there_is_none() -> None:
    assert np.isnan(colour_shift(scene(np.zeros((5, 5, 3), np.float32), np.ones((5, 5), dtype=bool))))
