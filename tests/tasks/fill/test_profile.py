import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.profile import profile_of


def hole(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A mask (20, 50) with gaps, not empty, and how thick it is: any numbers, 0 outside."""
    rng = np.random.default_rng(seed)
    own = rng.random((20, 50)) > rng.choice([0.5, 0.9, 0.99])
    own &= rng.random(50) > 0.3
    own[rng.integers(20), rng.integers(50)] = True
    return own, np.where(own, rng.random(own.shape) * 30, 0).astype(np.float32)


def box_of(own: np.ndarray, first: int) -> list[int]:
    rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
    return [first + int(columns[0]), int(rows[0]), first + int(columns[-1]) + 1, int(rows[-1]) + 1]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_before_and_after_each_place_lies_what_is_there(seed: int) -> None:
    own, width = hole(seed)
    profile = profile_of(own, width)
    places = np.arange(1, 50)
    before, after = profile.before(places), profile.after(places)
    for number, place in enumerate(places):
        for (boxes, thickness), part, first in ((before, slice(None, place), 0), (after, slice(place, None), place)):
            if own[:, part].any():
                assert boxes[number].tolist() == box_of(own[:, part], int(first))
                assert thickness[number] == width[:, part].max()


@given(st.integers(0, 2**32 - 1), st.integers(0, 20))
@settings(max_examples=20, deadline=None)
def test_the_widest_place_within_reach(seed: int, reach: int) -> None:
    own, width = hole(seed)
    found = profile_of(own, width).widest(np.arange(50), reach)
    for place in range(50):
        assert found[place] == width[:, max(0, place - reach) : place + reach + 1].max()


def test_all_of_it_is_the_hole() -> None:
    own, width = hole(3)
    profile = profile_of(own, width)
    assert profile.length == 50
    boxes, thickness = profile.before(np.array([50]))
    assert boxes[0].tolist() == box_of(own, 0)
    assert thickness[0] == width.max()
