import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.membrane import membrane


@pytest.mark.parametrize("side", [20, 64, 200])
def test_harmonic_functions_come_back(side: int) -> None:
    y, x = np.mgrid[:side, :side].astype(np.float32) / side * 2 - 1
    truth = np.stack([x + 2 * y, x * x - y * y, np.exp(x) * np.sin(y)], axis=2)
    known = np.ones((side, side), bool)
    known[4:-4, 4:-4] = False
    found = membrane(truth, known)
    assert (found[known] == truth[known]).all()
    assert np.abs(found - truth).max() < 0.01 * np.ptp(truth)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_known_values_stay_and_bound_the_rest(seed: int, channels: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    height, width = (int(v) for v in rng.integers(1, 70, 2))
    values = rng.random((height, width, channels)).astype(np.float32)
    known = rng.random((height, width)) < density
    known[0, 0] = True
    values[~known] = np.nan  # is never looked at
    found = membrane(values, known)
    assert found.shape == values.shape
    assert found.dtype == np.float32
    assert (found[known] == values[known]).all()
    assert found.min() >= values[known].min() - 0.02
    assert found.max() <= values[known].max() + 0.02
