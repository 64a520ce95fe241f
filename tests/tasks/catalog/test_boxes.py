import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.catalog.boxes import boxes_json, read_boxes
from tasks.errors import MaskMissing

_NUMBER = st.integers(-(2**31) + 1, 2**31 - 1)
_SIZE = st.integers(1, 2**31 - 1)


@given(st.lists(st.tuples(_NUMBER, _NUMBER, _SIZE, _SIZE), min_size=1))
def test_round_trip(boxes: list[tuple[int, int, int, int]]) -> None:
    value = [list(box) for box in boxes]
    assert read_boxes(value) == read_boxes(json.dumps(value)) == boxes
    assert read_boxes(boxes_json(boxes)) == sorted(set(boxes))


def test_one_box() -> None:
    assert read_boxes([1, 2, 3, 4]) == read_boxes("[1, 2, 3, 4]") == [(1, 2, 3, 4)]


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "no", "[]", 3, {}, []),
        *([[1, 2, 3]], [[1, 2, 3, 4, 5]], [[1, 2, 0, 4]], [[1, 2, 3, -4]], [[1, 2, 3, 2**31]]),
        *([[1, 2, 3.5, 4]], [[True, 2, 3, 4]], [["1", 2, 3, 4]], [[1, 2, 3, 4], 5], [1, 2, 3, None]),
    ],
)
def test_anything_else_is_a_missing_mask(value: object) -> None:
    with pytest.raises(MaskMissing):
        read_boxes(value)
