import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.holes import find_holes


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 4, 16]), st.floats(0.9, 0.999))
@settings(max_examples=40, deadline=None)
def test_every_hole_pixel_has_exactly_one_owner(seed: int, merge: int, density: float) -> None:
    mask = np.random.default_rng(seed).random((50, 70)) > density
    owners = np.zeros(mask.shape, int)
    for hole in find_holes(mask, merge):
        owners[hole.box] += hole.own
        assert hole.own.any(axis=1)[[0, -1]].all()  # the box is tight
        assert hole.own.any(axis=0)[[0, -1]].all()
        assert hole.area == hole.own.sum()
    assert (owners == mask).all()


def test_near_components_are_one_hole() -> None:
    mask = np.zeros((20, 60), bool)
    mask[5:8, 5:8] = mask[5:8, 12:15] = mask[5:8, 50:53] = True
    assert [(h.x, h.w) for h in find_holes(mask, 8)] == [(5, 10), (50, 3)]
    assert len(find_holes(mask, 0)) == 3


def test_nothing_masked_is_no_hole() -> None:
    assert find_holes(np.zeros((5, 5), bool), 16) == []
