import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.membrane import membrane
from tasks.fill.ring import GRID, Ring


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_means_lie_within_what_is_known_and_nothing_else_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = rng.random(tuple(int(v) for v in rng.integers(1, 400, 2))) < rng.choice([0.01, 0.5, 1])
    known[0, 0] = True
    values = np.where(known[:, :, None], rng.uniform(0.4, 0.6, (*known.shape, 3)), 0).astype(np.float32)
    ring = Ring(known)
    means = ring.means(values)
    where = ring.share > 0
    assert max(where.shape) <= GRID
    assert means[where].min() >= 0.399
    assert means[where].max() <= 0.601
    assert not means[~where].any()
    full = ring.to_full(membrane(means, where))
    assert full.shape == values.shape
    assert full.dtype == np.float32
    assert 0.39 < full.min() <= full.max() < 0.61


@pytest.mark.parametrize("side", [50, 700])
def test_a_constant_is_spread_as_it_is(side: int) -> None:
    known = np.zeros((side, side), bool)
    known[:5] = True
    ring = Ring(known)
    means = ring.means(known[:, :, None].astype(np.float32).repeat(3, axis=2))
    assert np.abs(ring.to_full(membrane(means, ring.share > 0)) - 1).max() < 1e-5
