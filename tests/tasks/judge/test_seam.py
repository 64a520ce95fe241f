import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.judge.scene import scene
from tasks.judge.seam import seam


def test_a_larger_step_at_the_frontier_is_a_worse_seam(whole, changed) -> None:
    found = [seam(changed(lambda fill, step=step: 0.15 + 0.6 * fill + step)) for step in (0.0, 0.06, 0.12, 0.24)]
    truth = seam(whole)
    assert 0.5 < truth < 1.5
    assert found[1] < found[2] < found[3]
    assert found[3] > 1.3 * truth


def test_a_fill_that_does_not_go_on_is_a_seam(whole, changed) -> None:
    assert seam(changed(lambda fill: np.ascontiguousarray(fill[::-1, ::-1]))) > seam(whole)


@given(st.floats(0, 0.6), st.floats(0.02, 0.2), st.integers(8, 30))
@settings(deadline=None, max_examples=25)
def test_on_a_plain_ground_only_the_step_counts(level: float, step: float, side: int) -> None:
    own = np.zeros((96, 96), dtype=bool)
    own[30 : 30 + side, 40 : 40 + side] = True
    plain = np.full((96, 96, 3), level, dtype=np.float32)
    assert seam(scene(plain, own)) == pytest.approx(1)
    assert seam(scene(plain + np.float32(step) * own[:, :, None], own)) > 2


def test_without_anything_known_there_is_none() -> None:
    assert np.isnan(seam(scene(np.zeros((5, 5, 3), np.float32), np.ones((5, 5), dtype=bool))))


def test_another_hole_next_to_it_does_not_count(whole) -> None:
    other = np.zeros_like(whole.own)
    other[:, :20] = True
    broken = np.where(other[:, :, None], np.float32(1), whole.seen)
    assert seam(scene(broken, whole.own, whole.known & ~other)) == seam(
        scene(whole.seen, whole.own, whole.known & ~other)
    )
