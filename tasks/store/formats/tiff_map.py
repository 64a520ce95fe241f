"""What lies where in a TIFF file: every span of bytes that one of its directories points to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.errors import ItemError
from tasks.store.formats import tiff_directory as td
from tasks.store.formats.header import EndsEarly
from tasks.store.formats.tiff_directory import Directory
from tasks.store.formats.tiff_kind import NONE, kind_of, reason
from tasks.store.formats.tiff_layout import Layout
from tasks.store.metadata.span import Span, gaps

_TABLE, _HEADER = -1, -2
_PADDING = 16  # bytes
_CHUNKS = ((td.STRIP_OFFSETS, td.STRIP_BYTES), (td.TILE_OFFSETS, td.TILE_BYTES), (td.JPEG, td.JPEG_BYTES))


@dataclass(frozen=True)
class Piece:
    """A span, and whose it is: the values of `tag` of the directory at byte `owner`, or its table (`tag` < 0)."""

    span: Span
    owner: int
    tag: int


class FileMap:
    """Spans of `directories`: their tables, their values, their chunks. Each span has a number."""

    def __init__(self, data: bytes, directories: list[Directory]) -> None:
        size = len(data)
        header = 16 if directories and directories[0].big else 8
        starts, ends = [np.array([0])], [np.array([min(header, size)])]
        self._pieces = {0: Piece((0, header), 0, _HEADER)}
        self._chunks: dict[tuple[int, int], int] = {}
        self._values: dict[tuple[int, int], int] = {}
        count = 1
        for directory in directories:
            spans = [(directory.at, directory.end, _TABLE)]
            for entry in directory.entries.values():
                end = entry.place + entry.size
                if entry.size > directory.inline and end <= size:
                    spans += [(entry.place, end, entry.tag)]
            for start, end, tag in spans:
                self._pieces[count] = Piece((start, end), directory.at, tag)
                self._values[directory.at, tag] = count
                count += 1
            starts.append(np.array([start for start, _, _ in spans]))
            ends.append(np.array([end for _, end, _ in spans]))
            for tag, sizes_tag in _CHUNKS:
                offsets, sizes = _chunks(directory, tag, sizes_tag)
                self._chunks[directory.at, tag] = count
                count += len(offsets)
                inside = (offsets >= 0) & (sizes >= 0) & (offsets <= size)
                starts.append(np.where(inside, offsets, 0))
                ends.append(np.where(inside, np.minimum(offsets, size) + np.minimum(sizes, size), 0))
        self._start, self._end = np.concatenate(starts), np.minimum(np.concatenate(ends), size)
        self._data, self._size = data, size
        self._shared = self._overlaps()

    def chunk(self, directory: Directory, tag: int, index: int) -> int:
        """Number of a chunk; `tag` is that of its offsets."""
        return self._chunks[directory.at, tag] + index

    def values(self, directory: Directory, tag: int) -> int | None:
        """Number of an entry's values; None where they stand in the entry itself, or outside the file."""
        return self._values.get((directory.at, tag))

    def shared(self, number: int) -> bool:
        """Does this span have bytes in common with another?"""
        return bool(self._shared[number])

    def any_shared(self, directory: Directory, tag: int, count: int) -> bool:
        """Does one of the first `count` chunks?"""
        first = self._chunks[directory.at, tag]
        return bool(self._shared[first : first + count].any())

    def freed(self, gone: list[int]) -> list[Span]:
        """What nothing needs when these spans are gone: disjoint, in their order."""
        if not gone:
            return []
        kept = np.ones(len(self._start), bool)
        kept[gone] = False
        starts, ends = _merged(self._start[kept], self._end[kept])
        found: list[Span] = []
        for start, end in zip(*_merged(self._start[~kept], self._end[~kept]), strict=True):
            low, high = np.searchsorted(ends, start, "right"), np.searchsorted(starts, end, "left")
            between = zip(starts[low:high].tolist(), ends[low:high].tolist(), strict=True)
            for span in gaps(between, int(start), int(end)):
                # What a writer left between two of them, so that the next begins at a round place, is free as well.
                if found and (low == 0 or ends[low - 1] <= found[-1][1]) and self.padding(found[-1][1], span[0]):
                    found[-1] = found[-1][0], span[1]
                else:
                    found.append(span)
        return found

    def padding(self, start: int, end: int) -> bool:
        """Are these few bytes, to which nothing points, zeros?"""
        return end - start <= _PADDING and not any(self._data[start:end])

    def behind(self, at: int) -> Piece | None:
        """The table or values that begin at byte `at` or right after it, if they are alone there and can be moved."""
        later = np.flatnonzero(self._start >= at)
        if not len(later):
            return None
        number = int(later[self._start[later].argmin()])
        return self._pieces.get(number) if not self._shared[number] else None

    def _overlaps(self) -> NDArray[np.bool_]:
        order = np.argsort(self._start, kind="stable")
        start, end = self._start[order], self._end[order]
        empty = end <= start
        reach = np.maximum.accumulate(np.where(empty, 0, end))
        shared = np.zeros(len(order), bool)
        shared[1:] = reach[:-1] > start[1:]
        # A span that reaches into one of the next reaches into the very next that is not empty.
        following = np.full(len(order), self._size + 1)
        nexts = np.where(empty, self._size + 1, start)
        following[:-1] = np.minimum.accumulate(nexts[::-1])[::-1][1:]
        shared |= following < end
        shared &= ~empty
        found = np.zeros(len(order), bool)
        found[order] = shared
        return found


def _chunks(directory: Directory, tag: int, sizes_tag: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets and sizes as far as they can be read; of uncompressed chunks only what belongs to the picture."""
    try:
        if tag != td.JPEG and directory.integer(td.COMPRESSION, 1) == NONE and reason(directory) is None:
            layout = Layout(directory, kind_of(directory))
            if layout.offset_tag == tag:
                return layout.offsets[: layout.count], layout.sizes
        offsets, sizes = directory.array(tag), directory.array(sizes_tag)
    except (EndsEarly, ItemError):
        offsets = sizes = np.zeros(0, np.int64)
    count = min(len(offsets), len(sizes))
    return offsets[:count], sizes[:count]


def _merged(start: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Spans in their order, those that touch joined."""
    filled = end > start
    start, end = start[filled], end[filled]
    if not len(start):
        return start, end
    order = np.argsort(start, kind="stable")
    start, reach = start[order], np.maximum.accumulate(end[order])
    first = np.ones(len(start), bool)
    first[1:] = start[1:] > reach[:-1]
    last = np.append(np.flatnonzero(first)[1:], len(start)) - 1
    return start[first], reach[last]
