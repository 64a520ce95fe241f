"""The ring: what is known around a hole, and how it is averaged and spread over the hole."""

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

GRID = 160  # what is spread is smooth: on no finer a grid than this many cells a side
REACH_PX = 5  # over which the ring is averaged before it is spread


class Ring:
    """The known pixels (h, w) bool, True somewhere, and the grid on which they are averaged.

    `share` (rows, columns) float32: how much of each cell is known; 0 is nothing.
    """

    def __init__(self, known: NDArray[np.bool_]) -> None:
        self.known = known
        height, width = known.shape
        self.cell = max(1, -(-max(height, width) // GRID))
        self._size = (-(-width // self.cell), -(-height // self.cell))
        self.share = self.cells(known.astype(np.float32))
        self.share[self.share <= 1e-6] = 0

    def means(self, values: Float, reach_px: int = REACH_PX) -> Float:
        """values (h, w, C), 0 where nothing is known -> (rows, columns, C): means over about `reach_px`."""
        reach = max(1, reach_px // self.cell) | 1
        sums, weight = (
            cv2.blur(plane, (reach, reach), borderType=cv2.BORDER_CONSTANT)
            for plane in (self.cells(values), self.share)
        )
        means = sums / np.maximum(weight, 1e-6)[:, :, None]
        means[self.share == 0] = 0
        return np.asarray(means, dtype=np.float32)

    def to_full(self, cells: Float) -> Float:
        """(rows, columns, C) -> (h, w, C)."""
        height, width = self.known.shape
        return np.asarray(cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)

    def cells(self, values: Float) -> Float:
        """values (h, w[, C]) -> (rows, columns[, C]): means over each cell."""
        return np.asarray(cv2.resize(values, self._size, interpolation=cv2.INTER_AREA), dtype=np.float32)
