"""The grid: overlapping square blocks over a hole, and the picture around it in which they are matched."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """Blocks of `side` px, one every `step` px, that cover a hole's box; (`top`, `left`) is the first one's corner."""

    top: int
    left: int
    side: int
    step: int
    rows: int
    columns: int

    @property
    def overlap(self) -> int:
        """What neighbours share, px."""
        return self.side - self.step

    @property
    def box(self) -> tuple[slice, slice]:
        """All that the blocks cover."""
        height, width = (n * self.step + self.overlap for n in (self.rows, self.columns))
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def corners(self) -> Ints:
        """(rows, columns, 2): y, x of each block's first pixel."""
        y = self.top + self.step * np.arange(self.rows)
        x = self.left + self.step * np.arange(self.columns)
        return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).astype(np.int64)


@dataclass(frozen=True)
class Scene:
    """A fill among what is known, with a border of `margin` px around it, so that every block lies inside.

    picture (h, w, 3) float32 in [0, 1], mirrored in the border; known, own (h, w) bool, False there.
    """

    picture: Float
    known: Bool
    own: Bool
    margin: int


def scene_of(picture: Float, known: Bool, own: Bool, margin: int) -> Scene:
    """picture (h, w, 3), known, own (h, w) -> the same with a border."""
    border = ((margin, margin), (margin, margin))
    return Scene(
        np.pad(picture, (*border, (0, 0)), mode="symmetric"), np.pad(known, border), np.pad(own, border), margin
    )


def grid_of(own: Bool, side: int) -> Grid:
    """The grid over a hole, own (h, w) bool, True somewhere; neighbours share a third of a block, at least 2 px."""
    step = side - max(2, side // 3)
    rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
    starts, counts = [], []
    for ends in (rows, columns):
        length = int(ends[-1] - ends[0]) + 1
        count = max(1, -(-(length - (side - step)) // step))
        starts.append(int(ends[0]) - (count * step + side - step - length) // 2)
        counts.append(count)
    return Grid(starts[0], starts[1], side, step, counts[0], counts[1])


def touched(grid: Grid, own: Bool) -> Bool:
    """Which blocks hold a pixel of the hole: (rows, columns) bool."""
    return sums(own, grid.side)[tuple(grid.corners().reshape(-1, 2).T)].reshape(grid.rows, grid.columns) > 0


def sums(mask: Bool, side: int) -> NDArray[np.int32]:
    """How many pixels of `mask` (h, w) a block holds that begins there: (h − side + 1, w − side + 1)."""
    table = cv2.integral(mask.view(np.uint8))
    return np.asarray(table[side:, side:] - table[:-side, side:] - table[side:, :-side] + table[:-side, :-side])


def patches(picture: Float, corners: Ints, side: int) -> Float:
    """Blocks of a picture (h, w, 3) from their corners (…, 2): (…, side, side, 3)."""
    views = np.lib.stride_tricks.sliding_window_view(picture, (side, side), axis=(0, 1))
    return np.moveaxis(views[corners[..., 0], corners[..., 1]], -3, -1)
