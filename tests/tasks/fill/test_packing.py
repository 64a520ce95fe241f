import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.packing import STEP, cost, pack, sides

LONGEST = 512


def boxes_of(seed: int, count: int = 60, extent: int = 1500) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, extent, (count, 2))
    return np.concatenate([low, low + rng.integers(1, 200, (count, 2))], axis=1)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_every_box_lies_in_its_window_and_no_window_costs_more_than_its_boxes(seed: int) -> None:
    boxes = boxes_of(seed)
    numbers, windows = pack(boxes, LONGEST)
    assert (windows[numbers][:, :2] <= boxes[:, :2]).all()
    assert (windows[numbers][:, 2:] >= boxes[:, 2:]).all()
    assert (windows[:, 2:] - windows[:, :2]).max() <= LONGEST
    for number, window in enumerate(windows):
        mine = boxes[numbers == number]
        assert (window == [*mine[:, :2].min(axis=0), *mine[:, 2:].max(axis=0)]).all()
        assert cost(window[None])[0] <= cost(mine).sum()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_no_two_windows_would_cost_less_as_one(seed: int) -> None:
    _, windows = pack(boxes_of(seed, 40, 900), LONGEST)
    for one in range(len(windows)):
        for other in range(one):
            low = np.minimum(windows[one, :2], windows[other, :2])
            high = np.maximum(windows[one, 2:], windows[other, 2:])
            if (high - low).max() <= LONGEST:
                both = cost(np.concatenate([low, high])[None])[0]
                assert both >= cost(windows[[one, other]]).sum()


@given(st.integers(0, 2**32 - 1), st.integers(-3000, 3000), st.integers(-3000, 3000))
@settings(max_examples=30, deadline=None)
def test_neither_order_nor_place_decides(seed: int, right: int, down: int) -> None:
    boxes = boxes_of(seed)
    numbers, windows = pack(boxes, LONGEST)
    order = np.random.default_rng(seed).permutation(len(boxes))
    moved_numbers, moved = pack(boxes[order] + [right, down, right, down], LONGEST)
    assert (moved[moved_numbers] == windows[numbers[order]] + [right, down, right, down]).all()


def test_a_box_longer_than_a_window_may_be_stays_alone() -> None:
    numbers, windows = pack(np.array([[0, 0, 600, 50], [10, 10, 60, 40], [20, 0, 90, 40]]), LONGEST)
    assert numbers[0] not in numbers[1:]
    assert numbers[1] == numbers[2]
    assert (windows[numbers[0]] == [0, 0, 600, 50]).all()


def test_thousands_of_specks_are_packed_into_half_as_many_windows() -> None:
    rng = np.random.default_rng(0)
    low = rng.integers(0, 10000, (5000, 2))
    boxes = np.concatenate([low, low + 96], axis=1)
    numbers, windows = pack(boxes, LONGEST)
    assert len(windows) < 0.6 * len(boxes)
    assert cost(windows).sum() < 0.85 * cost(boxes).sum()
    assert (windows[numbers][:, :2] <= boxes[:, :2]).all()


@pytest.mark.parametrize(("length", "side"), [(1, STEP), (STEP, STEP), (STEP + 1, 2 * STEP)])
def test_shapes_come_in_steps(length: int, side: int) -> None:
    assert sides(np.array(length)) == side
