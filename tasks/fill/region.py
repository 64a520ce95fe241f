"""A region: the window that a generator sees around one or more holes, and how it gets there and back."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """A window of the image (pixels) and the size (pixels) at which the generator is shown it."""

    x: int
    y: int
    w: int
    h: int
    shown_w: int
    shown_h: int

    @property
    def box(self) -> tuple[slice, slice]:
        """Index of the window in an (H, W, …) array."""
        return slice(self.y, self.y + self.h), slice(self.x, self.x + self.w)

    @property
    def scaled(self) -> bool:
        """Whether the generator is shown the window smaller than it is."""
        return (self.shown_w, self.shown_h) != (self.w, self.h)


def full_scale(dtype: np.dtype[np.generic]) -> float:
    """The value that stands for 1.0: 255, 65535, or 1 for floats."""
    return float(np.iinfo(str(dtype)).max) if dtype.kind in "iu" else 1.0


def to_float_rgb(pixels: NDArray[np.generic]) -> Float:
    """(H, W, 1 or 3) uint8, uint16 or float32 in [0, 1] -> (H, W, 3) float32 in [0, 1]."""
    scaled = pixels.astype(np.float32) / np.float32(full_scale(pixels.dtype))
    return np.repeat(scaled, 3, axis=2) if pixels.shape[2] == 1 else scaled


def cut(image: NDArray[np.generic], mask: NDArray[np.bool_], region: Region) -> tuple[Float, NDArray[np.bool_]]:
    """What the generator is shown: (shown_h, shown_w, 3) float32 and (shown_h, shown_w) bool.

    Scaling down, a shown pixel is hole as soon as any of its pixels is (as in arXiv 2206.13644): nothing of what is
    masked leaks into what is known.
    """
    crop, hole = to_float_rgb(image[region.box]), np.ascontiguousarray(mask[region.box])
    if not region.scaled:
        return crop, hole
    size = (region.shown_w, region.shown_h)
    shown = np.clip(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), 0, 1).astype(np.float32, copy=False)
    share = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return shown, share > 1e-6


def uncut(fill: Float, region: Region, hole: Hole) -> Float:
    """The part of a region's fill (shown_h, shown_w, 3) that covers a hole's box: (hole.h, hole.w, 3), native size."""
    if region.scaled:
        grown = cv2.resize(fill, (region.w, region.h), interpolation=cv2.INTER_CUBIC)
        fill = np.clip(grown, 0, 1).astype(np.float32, copy=False)
    y, x = hole.y - region.y, hole.x - region.x
    return fill[y : y + hole.h, x : x + hole.w]
