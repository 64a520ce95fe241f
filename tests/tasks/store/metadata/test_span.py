from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.metadata.span import clear, gaps

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda s: (min(s), max(s))), max_size=6)


@settings(derandomize=True, deadline=None)
@given(SPANS, st.integers(0, 40), st.integers(0, 40))
def test_gaps_are_what_no_span_covers(spans: list[tuple[int, int]], start: int, end: int) -> None:
    expected = [at for at in range(start, end) if not any(a <= at < b for a, b in spans)]
    assert [at for a, b in gaps(spans, start, end) for at in range(a, b)] == expected


@settings(derandomize=True, deadline=None)
@given(SPANS, SPANS)
def test_clear(spans: list[tuple[int, int]], kept: list[tuple[int, int]]) -> None:
    blob = bytearray(b"x" * 38)
    clear(blob, spans, kept)
    assert len(blob) == 38
    for at, value in enumerate(blob):
        cleared = any(a <= at < b for a, b in spans) and not any(a <= at < b for a, b in kept)
        assert value == (0 if cleared else ord("x"))
