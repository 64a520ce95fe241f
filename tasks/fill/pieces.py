"""Pieces: what of a hole is filled from its own surroundings. A hole that is large only in extent is cut (report, §7).

A tear across a page would need a window as large as the page, shown scaled down; its pieces need no more around them
than the tear is wide. A cut goes across a narrow place, never through the middle of something thick, whose halves would
not see what is around them. Neighbouring pieces overlap, and are blended there with weights that sum to 1.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole
from tasks.fill.packing import Boxes, cost
from tasks.fill.profile import Profile, profile_of
from tasks.fill.settings import FillSettings

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]
Cell = tuple[int, int, int, int]  # x0, y0, x1, y1

SPECK_PX = 16  # what `min_region_px` is the side of the region of: no hole gets less context than such a speck
MARGIN_PX = 112  # the most context on a side; with the region's side rounded up, below 128
# How far pieces reach beyond their cut, on both sides. Ten photographs of 768 × 512 with a tear across, hole PSNR and
# feature distance: one window shown scaled down 19.65 and 0.1070; pieces that overlap by 8, 16, 32 px 20.20, 20.20, 20.21
# and 0.0942, 0.0946, 0.0948. Every second piece first and the others shown its fill: 20.25 and 0.0936, but one has to
# wait for the other, and nothing keeps a step from their frontier.
OVERLAP_PX = 16
_WIDTHS = 2  # a piece is at least this many times as long as its cut is wide
_SHORTEST = 64  # px
_WORTH = 0.8  # a hole that fits into one window is cut when its pieces cost no more than this share
_EVERY = 8  # px between the cuts that are considered
_FINEST = 1 << 21  # pixels of a hole's box that are looked at one by one; a larger one is looked at more coarsely


@dataclass(frozen=True)
class Piece:
    """A part of a hole: the box of its pixels (`x`, `y`, `w`, `h`, of the image) and the context it needs around it.

    left, top, right, bottom: where it was cut from its neighbours, in pixels of the image; None where the hole ends.
    """

    x: int
    y: int
    w: int
    h: int
    margin: int
    left: int | None = None
    top: int | None = None
    right: int | None = None
    bottom: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it is the hole itself."""
        return self.left is self.top is self.right is self.bottom is None

    @property
    def window(self) -> Cell:
        """The box and its context, perhaps beyond the image: x0, y0, x1, y1."""
        return self.x - self.margin, self.y - self.margin, self.x + self.w + self.margin, self.y + self.h + self.margin

    def weight(self, y: int, x: int, height: int, width: int) -> Float:
        """Its share in the pixels from (y, x) on: (height, width) in [0, 1]. Over all pieces of a hole they sum to 1.

        A smooth step over the overlap of each cut: the blend has no edge of its own.
        """
        return _share(y, height, self.top, self.bottom)[:, None] * _share(x, width, self.left, self.right)


def margin_of(thickness: float, settings: FillSettings) -> int:
    """Context (px) on each side of a hole or piece whose largest inscribed disc is `thickness` px wide."""
    least = max(0, settings.min_region_px - SPECK_PX) // 2
    return max(least, min(MARGIN_PX, round((settings.context - 1) / 2 * thickness)))


def pieces_of(hole: Hole, settings: FillSettings) -> list[Piece]:
    """The pieces of a hole, one where it is not cut. Every pixel of the hole has its weight's 1 within their boxes."""
    scale = max(1, int(np.ceil((hole.w * hole.h / _FINEST) ** 0.5)))
    if scale == 1:
        coarse = hole.own
    else:
        size = (-(-hole.w // scale), -(-hole.h // scale))
        padded = np.pad(hole.own, ((0, size[1] * scale - hole.h), (0, size[0] * scale - hole.w)))
        coarse = np.asarray(padded.reshape(size[1], scale, size[0], scale).any(axis=(1, 3)))
    # Padded: at the border of an array a distance would not end.
    distance = cv2.distanceTransform(np.pad(coarse, 1).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)[1:-1, 1:-1]
    width = np.asarray(distance * np.float32(2 * scale), dtype=np.float32)
    cutter = _Cutter(coarse, width, scale, settings)
    cells = cutter.cells((0, 0, coarse.shape[1], coarse.shape[0]), (False,) * 4)
    pieces = (_piece(hole, width, scale, cell, cuts, settings) for cell, cuts in cells)
    return [piece for piece in pieces if piece is not None]


def _piece(
    hole: Hole, width: Float, scale: int, cell: Cell, cuts: tuple[bool, ...], settings: FillSettings
) -> Piece | None:
    """cell in coarse pixels of the hole's box; cuts: which of its four sides are cuts. None where it holds nothing."""
    x0, y0, x1, y1 = (
        max(0, min(end, at * scale + (side if cut else 0) * OVERLAP_PX))
        for at, cut, side, end in zip(cell, cuts, (-1, -1, 1, 1), (hole.w, hole.h) * 2, strict=True)
    )
    own = hole.own[y0:y1, x0:x1]
    if not own.any():
        return None
    rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
    thickness = width[y0 // scale : -(-y1 // scale), x0 // scale : -(-x1 // scale)].max()
    left, top, right, bottom = (
        origin + at * scale if cut else None for at, cut, origin in zip(cell, cuts, (hole.x, hole.y) * 2, strict=True)
    )
    return Piece(
        hole.x + x0 + int(columns[0]),
        hole.y + y0 + int(rows[0]),
        int(columns[-1] - columns[0]) + 1,
        int(rows[-1] - rows[0]) + 1,
        margin_of(float(thickness), settings),
        left,
        top,
        right,
        bottom,
    )


class _Cutter:
    """Cuts a hole's box in two, and its parts again. own, width (h, w): the hole, and how thick it is; `scale` px each."""

    def __init__(self, own: Bool, width: Float, scale: int, settings: FillSettings) -> None:
        self._own, self._width, self._scale, self._settings = own, width, scale, settings
        self._overlap = -(-OVERLAP_PX // scale)

    def cells(self, cell: Cell, cuts: tuple[bool, ...]) -> list[tuple[Cell, tuple[bool, ...]]]:
        """The cells of a cell (x0, y0, x1, y1), and which of their sides (left, top, right, bottom) are cuts."""
        reach = self._reach(cell, cuts)
        if not self._own[reach[1] : reach[3], reach[0] : reach[2]].any():
            return []
        best = min((found for axis in (0, 1) if (found := self._cut(cell, reach, axis))), default=None)
        if best is None:
            return [(cell, cuts)]
        _, axis, at = best
        first, second = list(cell), list(cell)
        first[2 + axis] = second[axis] = at
        first_cuts, second_cuts = list(cuts), list(cuts)
        first_cuts[2 + axis] = second_cuts[axis] = True
        return [
            found
            for part, sides in ((first, first_cuts), (second, second_cuts))
            for found in self.cells((part[0], part[1], part[2], part[3]), tuple(sides))
        ]

    def _reach(self, cell: Cell, cuts: tuple[bool, ...]) -> Cell:
        low = [max(0, at - self._overlap * cut) for at, cut in zip(cell[:2], cuts[:2], strict=True)]
        ends = (self._own.shape[1], self._own.shape[0])
        high = [min(end, at + self._overlap * cut) for at, cut, end in zip(cell[2:], cuts[2:], ends, strict=True)]
        return low[0], low[1], high[0], high[1]

    def _cut(self, cell: Cell, reach: Cell, axis: int) -> tuple[float, int, int] | None:
        """The best cut of a cell across an axis (0: x): what the two parts cost, the axis, the place; None without one."""
        box = slice(reach[1], reach[3]), slice(reach[0], reach[2])
        own, width = self._own[box], self._width[box]
        if axis == 1:
            own, width = own.T, width.T
        profile = profile_of(own, width)
        shortest = max(1, _SHORTEST // self._scale)
        start, end = cell[axis], cell[axis + 2]
        places = np.arange(start + shortest, end - shortest + 1, max(1, _EVERY // self._scale))
        if not places.size:
            return None
        inner = places - reach[axis]
        wide = profile.widest(inner, self._overlap)
        long_enough = np.minimum(places - start, end - places) * self._scale >= _WIDTHS * wide
        places, inner, wide = places[long_enough], inner[long_enough], wide[long_enough]
        if not places.size:
            return None
        parts = self._cost(profile.before(inner + self._overlap)) + self._cost(profile.after(inner - self._overlap))
        whole, too_long = self._whole(profile)
        if not too_long and parts.min() > _WORTH * whole:
            return None
        # Among cuts of one cost the narrowest, where the pieces have least to agree on; then the most even.
        parts = parts + 2 * OVERLAP_PX * wide
        uneven = np.abs(2 * places - start - end)
        best = int(np.lexsort((uneven, parts))[0])
        return float(parts[best]), axis, int(places[best])

    def _whole(self, profile: Profile) -> tuple[int, bool]:
        """What the uncut part costs, and whether it would have to be shown scaled down."""
        boxes, thickness = profile.before(np.array([profile.length]))
        windows = self._windows(boxes, thickness)
        longest = (windows[:, 2:] - windows[:, :2]).max()
        return int(cost(windows)[0]), bool(longest > self._settings.max_region_px)

    def _cost(self, parts: tuple[Boxes, Float]) -> NDArray[np.float64]:
        return np.asarray(cost(self._windows(*parts)), dtype=np.float64)

    def _windows(self, boxes: Boxes, thickness: Float) -> Boxes:
        margins = np.array([margin_of(float(each), self._settings) for each in thickness], dtype=np.int64)[:, None]
        grown = boxes * self._scale + np.concatenate([-margins, -margins, margins, margins], axis=1)
        return np.asarray(grown, dtype=np.int64)


def _share(start: int, length: int, low: int | None, high: int | None) -> Float:
    """Along one axis: 0 to 1 over the overlap at `low`, 1 to 0 over that at `high`."""
    places = np.arange(start, start + length, dtype=np.float32) + np.float32(0.5)
    share = np.ones(length, dtype=np.float32)
    if low is not None:
        share *= _step(places - low)
    if high is not None:
        share *= 1 - _step(places - high)
    return share


def _step(places: Float) -> Float:
    """0 before the overlap, 1 after it, 3t² − 2t³ between."""
    t = np.clip((places + OVERLAP_PX) / np.float32(2 * OVERLAP_PX), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)
