import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.formats.tiff_space import Space


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 40)), max_size=12), st.lists(st.integers(1, 50), max_size=20)
)
def test_nothing_is_given_twice(gaps: list[tuple[int, int]], sizes: list[int]) -> None:
    free, at = [], 8
    for gap, size in gaps:
        free.append((at + gap, at + gap + size))
        at += gap + size
    end = at + 5
    inside = [set(range(*span)) for span in free]
    space, taken = Space(free, end), set()
    for size in sizes:
        start = space.take(size)
        fits = any(b - a >= size for a, b in space.spans)
        if start is None:
            assert not fits
            start = space.append(size)
            assert start >= end
        else:
            assert any(set(range(start, start + size)) <= span for span in inside)
        place = set(range(start, start + size))
        assert not place & taken and start % 2 == 0
        taken |= place
    assert space.end == max([end, *(byte + 1 for byte in taken)])
    assert not any(set(range(*span)) & taken for span in space.spans)


def test_the_best_fit() -> None:
    space = Space([(100, 150), (200, 220), (300, 400)], 1000)
    assert [space.take(20), space.take(45), space.take(90), space.take(20)] == [200, 100, 300, None]
    assert [space.append(3), space.append(2), space.end] == [1000, 1004, 1006]


def test_the_end_of_the_file_is_free() -> None:
    space = Space([(100, 120), (901, 1000)], 1000)
    assert space.end == 901
    assert space.append(10) == 902


@pytest.mark.parametrize(("end", "rest"), [(160, [(150, 160)]), (150, []), (1000, [])])
def test_a_span_that_is_made_longer(end: int, rest: list[tuple[int, int]]) -> None:
    space = Space([(100, 120)], 1000)
    space.widen((100, 120), end, 50)
    assert space.spans == rest
    assert space.end == (150 if end == 1000 else 1000)
