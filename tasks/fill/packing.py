"""Packing: which windows are shown to the generator as one, so that many specks cost few forwards.

Agglomerative: the two windows whose union saves most are joined, again and again, until nothing is saved. What a window
costs is its area and a fixed part. Nothing is decided by place or order: windows moved together are packed alike.
"""

import heapq
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.int64]  # (N, 4): x0, y0, x1, y1

# Shapes come in steps, so that crops of different holes and images share a batch. With 16 px 500 specks make 84 shapes
# and as many megapixels as with 32 px, which makes 41.
STEP = 32
# What a forward costs beside its pixels, in pixels: lama-small takes 22 ms for 96², 27 for 128², 74 for 256² (one thread
# of an EPYC with AVX512-BF16), about 10 ms and 1.1 µs a pixel. 500 specks cost the same with 8,000 and with 12,000.
FORWARD_PX = 8000


def sides(lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """Lengths in pixels, rounded up to the step."""
    return np.asarray(-(-lengths // STEP) * STEP, dtype=np.int64)


def cost(boxes: Boxes) -> NDArray[np.int64]:
    """What each box (N, 4) costs the generator, in pixels: (N,)."""
    return np.asarray(sides(boxes[:, 2] - boxes[:, 0]) * sides(boxes[:, 3] - boxes[:, 1]) + FORWARD_PX)


def pack(boxes: Boxes, longest: int) -> tuple[NDArray[np.int64], Boxes]:
    """Join boxes (N, 4) where that costs less: for each box the number of its window (N,), and the windows (M, 4).

    No two boxes become a window with a side longer than `longest`; a longer box stays alone. Equal sets of boxes give
    equal sets of windows, whatever their order.
    """
    count = len(boxes)
    order = np.lexsort(boxes.T)
    windows = np.zeros((2 * count, 4), dtype=np.int64)
    windows[:count] = boxes[order]
    merged_into = np.full(2 * count, -1, dtype=np.int64)
    near = _Neighbours(longest)
    alive = np.zeros(2 * count, dtype=bool)
    heap: list[tuple[int, int, int]] = []

    def look(one: int) -> None:
        """Note the best partner of a window among those that are there."""
        others = near.of(windows[one])
        others = others[alive[others] & (others != one)]
        if others.size:
            saved = _saved(windows[one], windows[others], longest)
            best = saved.max()
            if best > 0:
                heapq.heappush(heap, (-int(best), one, int(others[saved == best].min())))

    for one in range(count):
        if (windows[one, 2:] - windows[one, :2]).max() <= longest:
            look(one)  # those before it: each pair is looked at once
            near.add(one, windows[one])
            alive[one] = True
    following = count
    while heap:
        _, one, other = heapq.heappop(heap)
        if not alive[one]:
            continue
        if not alive[other]:
            look(one)
            continue
        alive[[one, other]] = False
        merged_into[[one, other]] = following
        windows[following, :2] = np.minimum(windows[one, :2], windows[other, :2])
        windows[following, 2:] = np.maximum(windows[one, 2:], windows[other, 2:])
        look(following)
        near.add(following, windows[following])
        alive[following] = True
        following += 1
    for one in range(following - 1, -1, -1):  # to the root, from the last merger down
        merged_into[one] = one if merged_into[one] < 0 else merged_into[merged_into[one]]
    roots, numbers = np.unique(merged_into[:count], return_inverse=True)
    found = np.empty(count, dtype=np.int64)
    found[order] = numbers
    return found, windows[roots]


def _saved(window: NDArray[np.int64], others: Boxes, longest: int) -> NDArray[np.int64]:
    """What joining a window (4,) with each of the others (N, 4) saves, (N,); less than nothing where it is too long."""
    unions = np.concatenate([np.minimum(window[:2], others[:, :2]), np.maximum(window[2:], others[:, 2:])], axis=1)
    saved = cost(window[None]) + cost(others) - cost(unions)
    saved[(unions[:, 2:] - unions[:, :2]).max(axis=1) > longest] = -1
    return np.asarray(saved)


class _Neighbours:
    """Windows by place: those that a window could be joined with lie in its own or the next cell of a grid."""

    def __init__(self, cell: int) -> None:
        self._cell = cell
        self._cells: dict[tuple[int, int], list[int]] = defaultdict(list)

    def add(self, number: int, window: NDArray[np.int64]) -> None:
        self._cells[self._at(window)].append(number)

    def of(self, window: NDArray[np.int64]) -> NDArray[np.int64]:
        column, row = self._at(window)
        cells = ((column + right, row + down) for right in (-1, 0, 1) for down in (-1, 0, 1))
        return np.array([number for cell in cells for number in self._cells.get(cell, ())], dtype=np.int64)

    def _at(self, window: NDArray[np.int64]) -> tuple[int, int]:
        return int(window[0]) // self._cell, int(window[1]) // self._cell
