"""Room in a file: spans that nothing needs any more, and its end."""

from bisect import bisect_left, insort

from tasks.store.metadata.span import Span


class Space:
    """`free`: disjoint spans; the file ends at byte `end`. Places begin at even bytes, as TIFF wants it of values."""

    def __init__(self, free: list[Span], end: int) -> None:
        self.end = end
        self._free: list[tuple[int, int]] = []  # (size, start)
        for start, stop in free:
            if stop == end:
                self.end = start
            else:
                self._add(start, stop)

    @property
    def spans(self) -> list[Span]:
        """What is free, the largest first."""
        return [(start, start + size) for size, start in reversed(self._free)]

    def take(self, size: int) -> int | None:
        """Where `size` bytes fit best, theirs from now on; None where they fit only at the end."""
        at = bisect_left(self._free, (size, 0))
        if at == len(self._free):
            return None
        room, start = self._free.pop(at)
        self._add(start + size, start + room)
        return start

    def append(self, size: int) -> int:
        """`size` bytes at the end of the file."""
        start = self.end + self.end % 2
        self.end = start + size
        return start

    def widen(self, span: Span, end: int, size: int) -> None:
        """Take `size` bytes from the start of one of `spans`, which goes on to byte `end` now, or to the file's end."""
        start = span[0]
        self._free.remove((span[1] - start, start))
        if end == self.end:
            self.end = start + size
        else:
            self._add(start + size, end)

    def _add(self, start: int, stop: int) -> None:
        start += start % 2
        if start < stop:
            insort(self._free, (stop - start, start))
