"""A region: the window that a generator sees around one or more holes, and how it gets there and back."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.colour import unit
from tasks.fill.holes import Hole
from tasks.fill.picture import Picture
from tasks.fill.prediction import RING_PX, Prediction

Float = NDArray[np.float32]

Sides = tuple[int, int, int, int]

BAND_VALUES = 1 << 22  # 16 MB of floats at a time


@dataclass(frozen=True)
class Region:
    """A window of the image (pixels) and the size (pixels) at which the generator is shown it.

    mirror: how many shown pixels (top, left, bottom, right) the generator is shown beyond the window, its mirror image:
    a hole at the image's border has surroundings on its other side too.
    """

    x: int
    y: int
    w: int
    h: int
    shown_w: int
    shown_h: int
    mirror: Sides = (0, 0, 0, 0)

    @property
    def box(self) -> tuple[slice, slice]:
        """Index of the window in an (H, W, …) array."""
        return slice(self.y, self.y + self.h), slice(self.x, self.x + self.w)

    @property
    def shape(self) -> tuple[int, int]:
        """What the generator is shown, mirrored parts included: (height, width)."""
        top, left, bottom, right = self.mirror
        return self.shown_h + top + bottom, self.shown_w + left + right

    @property
    def scaled(self) -> bool:
        """Whether the generator is shown the window smaller than it is."""
        return (self.shown_w, self.shown_h) != (self.w, self.h)


def cut(picture: Picture, mask: NDArray[np.bool_], region: Region) -> tuple[Float, NDArray[np.bool_]]:
    """What the generator is shown: (*region.shape, 3) float32 in [0, 1] and region.shape bool.

    Scaling down, a shown pixel is hole as soon as any of its pixels is (as in arXiv 2206.13644): nothing of what is
    masked leaks into what is known. What is no number is shown as hole too. Only what is shown is converted, and only
    a band of the window is held as floats: a window may be a scan of 100 megapixels.
    """
    crop, hole = _shown(picture, mask, region)
    if not any(region.mirror):
        return crop, hole
    top, left, bottom, right = region.mirror
    beyond = [(top, bottom), (left, right)]
    return np.pad(crop, [*beyond, (0, 0)], mode="reflect"), np.pad(hole, beyond, mode="reflect")


def _shown(picture: Picture, mask: NDArray[np.bool_], region: Region) -> tuple[Float, NDArray[np.bool_]]:
    """The window itself, (shown_h, shown_w, 3) and (shown_h, shown_w)."""
    if not region.scaled:
        hole = np.ascontiguousarray(mask[region.box])
        missing = picture.missing(region.box)
        return picture.colour.seen(picture.pixels[region.box]), hole if missing is None else hole | missing
    size = (region.shown_w, region.shown_h)
    rows = max(1, BAND_VALUES // (region.w * picture.pixels.shape[2]))
    values, shares = [], []
    for top in range(region.y, region.y + region.h, rows):
        band = slice(top, min(top + rows, region.y + region.h)), region.box[1]
        hole, missing, stored = mask[band], picture.missing(band), unit(picture.pixels[band])
        if missing is not None:
            hole, stored = hole | missing, np.where(missing[:, :, None], np.float32(0), stored)
        # A mean over areas is separable: rows now, columns below.
        narrow = size if rows >= region.h else (region.shown_w, stored.shape[0])
        values.append(_mean(stored, narrow))
        shares.append(_mean(hole.astype(np.float32), narrow))
    small = _mean(np.concatenate(values), size)
    share = _mean(np.concatenate(shares), size)
    return picture.colour.seen(small), share > 1e-6


def uncut(fill: Float, region: Region, hole: Hole) -> Prediction:
    """The part of a region's fill (*region.shape, 3) that covers a hole and the ring around it, at native size."""
    top, left = max(hole.y - RING_PX, region.y), max(hole.x - RING_PX, region.x)
    bottom, right = hole.y + hole.h + RING_PX - region.y, hole.x + hole.w + RING_PX - region.x  # a slice ends in time
    return Prediction(left, top, native(fill, region)[top - region.y : bottom, left - region.x : right])


def native(fill: Float, region: Region) -> Float:
    """A region's fill (*region.shape, 3) at the size of its window, (h, w, 3)."""
    top, left = region.mirror[:2]
    fill = fill[top : top + region.shown_h, left : left + region.shown_w]
    if not region.scaled:
        return fill
    grown = cv2.resize(fill, (region.w, region.h), interpolation=cv2.INTER_CUBIC)
    return np.clip(grown, 0, 1).astype(np.float32, copy=False)


def _mean(values: Float, size: tuple[int, int]) -> Float:
    """Means over areas: (H, W[, C]) -> (size[1], size[0][, C])."""
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    return small.reshape(*small.shape[:2], *values.shape[2:]).astype(np.float32, copy=False)
