import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.holes import Hole
from tasks.fill.patches.window import PART_PX, around, parts_of, thickness


@given(st.integers(1, 1300), st.integers(1, 1300), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_parts_cover_a_hole_once(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    own = np.zeros((h, w), bool)
    for _ in range(20):
        y, x = int(rng.integers(0, h)), int(rng.integers(0, w))
        own[y : y + 40, x : x + 9] = True
    covered = np.zeros((h + 7, w + 5), int)
    for part in parts_of(Hole(5, 7, w, h, own)):
        assert max(edge.stop - edge.start for edge in part) <= PART_PX
        covered[part] += 1
    assert covered.max() == 1
    assert covered[7:, 5:][own].all()


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 100), st.floats(0.25, 8), st.integers(32, 400))
def test_a_window_holds_its_part_and_lies_in_the_image(y: int, x: int, side: int, share: float, most: int) -> None:
    part = slice(y, y + side), slice(x, x + side // 2 + 1)
    for edge, window in zip(part, around(part, share, most, (400, 400)), strict=True):
        assert 0 <= window.start <= edge.start < edge.stop <= window.stop <= 400
        assert edge.start - window.start <= most
        assert window.start == 0 or edge.start - window.start >= min(most, round(share * side))


@pytest.mark.parametrize("side", [1, 5, 20, 41])
def test_thickness_is_the_width_of_a_bar(side: int) -> None:
    assert thickness(np.ones((side, 90), bool)) == pytest.approx(side, abs=1.5)
