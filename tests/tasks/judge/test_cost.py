from hypothesis import given
from hypothesis import strategies as st

from tasks.judge.candidate import parsed
from tasks.judge.cost import affordable

ALL = [parsed(t) for t in ("none", "seam", "seam + block_matching", "patches", "seam + colour_transfer", "refine")]


@given(st.integers(1, 10**8), st.integers(0, 4), st.integers(0, 8), st.floats(0.001, 1e5))
def test_more_budget_never_means_fewer_and_order_is_kept(area: int, pseudo: int, count: int, seconds: float) -> None:
    found = affordable(ALL, "regions", area, pseudo, count, seconds)
    assert len(found) <= count
    assert found == [each for each in ALL if each in found]
    assert len(affordable(ALL, "regions", area, pseudo, count, 1e12)) == min(count, len(ALL))


def test_the_dear_is_left_out_and_the_cheap_after_it_is_not() -> None:
    refine, seam = parsed("refine"), parsed("seam")
    assert affordable([refine, seam], "regions", 100_000, 0, 2, 2) == [seam]


def test_what_two_begin_with_is_paid_once() -> None:
    one, two = parsed("patches"), parsed("patches + seam")
    both = 100_000 / 1e6 * (20 + 2 + 2 + 2)
    assert affordable([one, two], "regions", 100_000, 0, 2, both + 0.01) == [one, two]
    assert affordable([one, two], "regions", 100_000, 0, 2, both - 0.01) == [one]
