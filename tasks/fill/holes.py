"""What one mask asks to be filled: components, merged when they are near."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.mask import dilate


@dataclass(frozen=True)
class Hole:
    """One hole: its box (x, y, w, h, pixels of the image) and which pixels of the box are its own."""

    x: int
    y: int
    w: int
    h: int
    own: NDArray[np.bool_] = field(repr=False)  # (h, w)

    @property
    def area(self) -> int:
        """Pixels to fill."""
        return int(np.count_nonzero(self.own))

    @property
    def box(self) -> tuple[slice, slice]:
        """Index of the box in an (H, W, …) array."""
        return slice(self.y, self.y + self.h), slice(self.x, self.x + self.w)


def find_holes(mask: NDArray[np.bool_], merge_px: int) -> list[Hole]:
    """Components of `mask` (H, W) bool; those nearer than `merge_px` pixels are one hole.

    Every hole pixel belongs to exactly one hole. Ordered by top-left corner: the order says nothing of how they were
    found.
    """
    if not mask.any():
        return []
    # Only the touched area is labelled: the cost follows the holes, not the image.
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    part = mask[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    near = dilate(part, merge_px // 2)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(near.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    holes = []
    for label in range(1, count):
        x, y, w, h = (int(v) for v in stats[label, :4])
        own = (labels[y : y + h, x : x + w] == label) & part[y : y + h, x : x + w]
        r, c = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
        own = own[r[0] : r[-1] + 1, c[0] : c[-1] + 1]
        h, w = own.shape
        holes.append(Hole(left + x + int(c[0]), top + y + int(r[0]), w, h, np.ascontiguousarray(own)))
    return sorted(holes, key=lambda hole: (hole.y, hole.x))
