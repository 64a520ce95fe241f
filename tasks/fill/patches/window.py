"""Windows: a hole part by part, with the known pixels around each part that texture is copied from."""

from collections.abc import Iterator

import cv2
import numpy as np

from tasks.fill.holes import Hole
from tasks.fill.patches.features import SIDE
from tasks.fill.patches.field import Bool

PART_PX = 512
Box = tuple[slice, slice]


def parts_of(hole: Hole) -> Iterator[Box]:
    """Boxes (of the image) of at most PART_PX a side that cover the hole, row by row; those without a pixel left out."""
    for top in range(0, hole.h, PART_PX):
        for left in range(0, hole.w, PART_PX):
            own = hole.own[top : top + PART_PX, left : left + PART_PX]
            if own.any():
                rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
                y, x = hole.y + top, hole.x + left
                yield (
                    slice(y + int(rows[0]), y + int(rows[-1]) + 1),
                    slice(x + int(columns[0]), x + int(columns[-1]) + 1),
                )


def around(part: Box, share: float, most_px: int, shape: tuple[int, ...]) -> Box:
    """The window of a part: `share` of its longer side on each side, at most `most_px`, as far as the image goes."""
    sides = [edge.stop - edge.start for edge in part]
    reach = min(most_px, max(4 * SIDE, round(max(sides) * share)))
    y, x = (
        slice(max(0, edge.start - reach), min(limit, edge.stop + reach))
        for edge, limit in zip(part, shape[:2], strict=True)
    )
    return y, x


def thickness(own: Bool) -> float:
    """Twice the largest distance of a pixel of the hole from what is not: px."""
    return 2 * float(cv2.distanceTransform(np.pad(own, 1).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3).max())
