"""Spans of bytes (start, end): what lies between them, and clearing them."""

from collections.abc import Iterable

Span = tuple[int, int]


def gaps(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """The parts of `start` to `end` that no span covers, in their order."""
    found = []
    for first, last in sorted(spans):
        if first >= end:
            break
        if first > start:
            found.append((start, first))
        start = max(start, last)
    if start < end:
        found.append((start, end))
    return found


def clear(blob: bytearray, spans: Iterable[Span], kept: Iterable[Span] = ()) -> None:
    """Zeros in all of `spans` but `kept`."""
    # What is outside the spans, or kept, is covered; the gaps are the rest.
    for start, end in gaps([*gaps(spans, 0, len(blob)), *kept], 0, len(blob)):
        blob[start:end] = bytes(end - start)
