"""A joint: the fills of a hole's pieces become the fill of the hole, without an edge where they meet."""

import mmap

import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole
from tasks.fill.pieces import Piece
from tasks.fill.prediction import RING_PX, Prediction
from tasks.fill.region import Region, native

Float = NDArray[np.float32]

_BESIDE = np.float32(1e-4)  # outside the hole whoever saw a pixel has a say, where nobody has more
_ROWS = 256  # divided at a time


class Joint:
    """Takes the fills of the pieces of one hole, one at a time, in any order.

    What no piece's region reaches stays 0 and is never touched: the box of a tear may be a whole scan, and its memory
    is not taken before it is written to. shape: (H, W) of the image.
    """

    def __init__(self, hole: Hole, shape: tuple[int, ...]) -> None:
        self._hole = hole
        self._y, self._x = max(0, hole.y - RING_PX), max(0, hole.x - RING_PX)
        height = min(shape[0], hole.y + hole.h + RING_PX) - self._y
        width = min(shape[1], hole.x + hole.w + RING_PX) - self._x
        self._sums, self._weights = _zeros((height, width, 3)), _zeros((height, width))

    def add(self, piece: Piece, fill: Float, region: Region) -> None:
        """`fill` (*region.shape, 3) of a region that holds the piece and its context."""
        height, width = self._weights.shape
        # What is further from the piece than the ring is another's matter.
        top, left = max(self._y, region.y, piece.y - RING_PX), max(self._x, region.x, piece.x - RING_PX)
        bottom = min(self._y + height, region.y + region.h, piece.y + piece.h + RING_PX)
        right = min(self._x + width, region.x + region.w, piece.x + piece.w + RING_PX)
        weight = piece.weight(top, left, bottom - top, right - left)
        inner = slice(top - self._y, bottom - self._y), slice(left - self._x, right - self._x)
        weight[~self._own(top, left, bottom, right)] += _BESIDE
        values = native(fill, region)[top - region.y : bottom - region.y, left - region.x : right - region.x]
        self._sums[inner] += values * weight[:, :, None]
        self._weights[inner] += weight

    def prediction(self) -> Prediction:
        """The whole hole and its ring, once all pieces are added."""
        for top in range(0, len(self._weights), _ROWS):
            rows = slice(top, top + _ROWS)
            weight = self._weights[rows, :, None]
            np.divide(self._sums[rows], weight, out=self._sums[rows], where=weight > 0)
        return Prediction(self._x, self._y, self._sums)

    def _own(self, top: int, left: int, bottom: int, right: int) -> NDArray[np.bool_]:
        """The hole's own pixels of a box of the image, which may reach beyond the hole's."""
        hole = self._hole
        own = np.zeros((bottom - top, right - left), dtype=bool)
        y0, x0 = max(top, hole.y), max(left, hole.x)
        y1, x1 = min(bottom, hole.y + hole.h), min(right, hole.x + hole.w)
        own[y0 - top : y1 - top, x0 - left : x1 - left] = hole.own[y0 - hole.y : y1 - hole.y, x0 - hole.x : x1 - hole.x]
        return own


def _zeros(shape: tuple[int, ...]) -> Float:
    """float32, whose memory is taken page by page: numpy's own large arrays are taken 2 MB at a time, all of them."""
    memory = mmap.mmap(-1, 4 * int(np.prod(shape)))
    if hasattr(memory, "madvise") and hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype=np.float32).reshape(shape)
