import time
from collections.abc import Iterator

import pytest

from flows.parallel import in_order


def test_results_come_in_order_and_items_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number * number

    for count, result in enumerate(in_order(work, items(), 3)):
        assert result == count * count
        assert len(taken) <= count + 1 + 6
    assert len(taken) == 50
    assert list(in_order(work, [], 3)) == []


def test_an_error_is_raised_in_its_turn() -> None:
    def work(number: int) -> int:
        return 10 // (3 - number)

    results = in_order(work, range(9), 2)
    assert [next(results) for _ in range(3)] == [3, 5, 10]
    with pytest.raises(ZeroDivisionError):
        next(results)
