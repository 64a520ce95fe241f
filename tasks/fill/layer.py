"""A layer: what a hole looks like at one scale, and how a coarser layer looks at a finer one."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.region import Region

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    """A rectangle in pixels of a level: `halvings` times smaller than the image, from (`y`, `x`), `h` × `w`."""

    halvings: int
    y: int
    x: int
    h: int
    w: int

    @property
    def region(self) -> Region:
        """What of the image it shows; every pixel is a mean of the same number of the image's."""
        y, x, h, w = (side << self.halvings for side in (self.y, self.x, self.h, self.w))
        return Region(x, y, w, h, self.w, self.h)

    def inner(self, other: Window) -> tuple[slice, slice]:
        """Index of `other` (of the same level, within this one) in an array of this window."""
        top, left = other.y - self.y, other.x - self.x
        return slice(top, top + other.h), slice(left, left + other.w)

    def grown(self, px: int, limit: tuple[int, int]) -> Window:
        """With `px` more on each side, as far as the level (H, W) goes."""
        y, x = max(0, self.y - px), max(0, self.x - px)
        bottom, right = min(limit[0], self.y + self.h + px), min(limit[1], self.x + self.w + px)
        return Window(self.halvings, y, x, bottom - y, right - x)


@dataclass(frozen=True)
class Layer:
    """`values` (h, w, 3) float32 whose pixels are `step_y` × `step_x` of the image's, from (`y`, `x`) of the image on."""

    values: Float
    y: float
    x: float
    step_y: float
    step_x: float

    def at(self, window: Window) -> Float:
        """How it looks in a finer window, (window.h, window.w, 3); beyond its own border the border goes on."""
        size = 1 << window.halvings
        down, across = size / self.step_y, size / self.step_x
        # Centres of pixels: half a pixel further than their corners.
        top = (window.y * size - self.y) / self.step_y + 0.5 * down - 0.5
        left = (window.x * size - self.x) / self.step_x + 0.5 * across - 0.5
        rows, y = _taps(top, down, window.h, self.values.shape[0])
        columns, x = _taps(left, across, window.w, self.values.shape[1])
        part = self.values[rows, columns]
        # Separable cubic interpolation as two products: warpAffine would round places to 1/32 px, and steps would show.
        grown = np.tensordot(y, part, axes=(1, 0))
        return np.ascontiguousarray(np.clip(np.einsum("ywc,xw->yxc", grown, x, optimize=True), 0, 1), dtype=np.float32)


def layer_of(fill: Float, region: Region) -> Layer:
    """A region's fill as a layer."""
    step_y, step_x = region.h / region.shown_h, region.w / region.shown_w
    return Layer(fill, float(region.y), float(region.x), step_y, step_x)


def _taps(first: float, step: float, count: int, length: int) -> tuple[slice, Float]:
    """Which of `length` samples the places first, first + step … need, and the weight of each, (count, samples)."""
    places = first + step * np.arange(count)
    low = max(0, min(length - 1, int(np.floor(places[0])) - 1))
    high = max(low + 1, min(length, int(np.floor(places[-1])) + 3))
    weights = np.zeros((count, high - low), dtype=np.float32)
    base = np.floor(places).astype(np.int64)
    t = (places - base)[:, None]
    offsets = np.arange(-1, 3)
    distance = np.abs(t - offsets)
    # Keys' cubic convolution with a = −1/2 (IEEE Trans. ASSP 29, 1981): exact for parabolas, sums to 1.
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    kernel = np.where(distance <= 1, near, far).astype(np.float32)
    index = np.clip(base[:, None] + offsets, low, high - 1) - low
    np.add.at(weights, (np.arange(count)[:, None], index), kernel)
    return slice(low, high), weights


def half(values: Float) -> Float:
    """Means over 2 × 2 pixels: (H, W, 3) -> (⌈H/2⌉, ⌈W/2⌉, 3); the last row and column stand for two where one is odd."""
    height, width = values.shape[:2]
    even = cv2.copyMakeBorder(values, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    small = cv2.resize(even, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)
