"""The filled picture, drawn small: what an embedded thumbnail or preview has to show now."""

from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.colour import Colour

_LONGEST = 2048  # of the reduced copy, pixels
_STRIP = 1 << 18  # pixels whose colours are converted, or whose rows are reduced, at a time
_STRETCH = 0.02  # difference of aspect ratio that nobody sees


class Preview:
    """Draws a picture at any size. pixels (H, W, C) as stored, colour channels only; `colour` says how they look.

    The picture is read in strips, never copied whole. What is drawn depends on the size asked for only, not on what was
    drawn before: all that is at most half of the reduced copy is drawn from that copy.
    """

    def __init__(self, pixels: NDArray[np.generic], colour: Colour) -> None:
        self._pixels, self._colour = pixels, colour

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture itself."""
        return self._pixels.shape[1], self._pixels.shape[0]

    def draw(self, width: int, height: int) -> NDArray[np.uint8]:
        """The whole picture, stretched to (height, width, 3) uint8 sRGB, as stored (not rotated)."""
        if max(self.size) <= _LONGEST or 2 * width > self._copy.shape[1] or 2 * height > self._copy.shape[0]:
            return self._drawn(width, height)
        return cv2.resize(self._copy, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)

    def fitted(self, width: int, height: int) -> NDArray[np.uint8]:
        """The whole picture in (height, width, 3) uint8 sRGB, centred between black bars where its shape is another.

        As cameras do whose thumbnails are 4:3 whatever the picture is (Exif 2.32, DCF: 160 × 120).
        """
        own_width, own_height = self.size
        ratio = width * own_height / (height * own_width)
        if abs(ratio - 1) <= _STRETCH:
            return self.draw(width, height)
        inner_width = width if ratio < 1 else max(1, round(width / ratio))
        inner_height = height if ratio > 1 else max(1, round(height * ratio))
        left, top = (width - inner_width) // 2, (height - inner_height) // 2
        canvas = np.zeros((height, width, 3), np.uint8)
        canvas[top : top + inner_height, left : left + inner_width] = self.draw(inner_width, inner_height)
        return canvas

    @cached_property
    def _copy(self) -> NDArray[np.uint8]:
        scale = _LONGEST / max(self.size)
        width, height = (max(1, round(side * scale)) for side in self.size)
        return self._drawn(width, height)

    def _drawn(self, width: int, height: int) -> NDArray[np.uint8]:
        small = _resized(self._pixels, width, height)
        drawn = np.empty((height, width, 3), np.uint8)
        rows = max(1, _STRIP // width)
        for top in range(0, height, rows):
            # Floats may hold anything, also what is no number.
            seen = np.nan_to_num(self._colour.seen(small[top : top + rows]), nan=0, posinf=1, neginf=0)
            drawn[top : top + rows] = np.rint(np.clip(seen, 0, 1) * 255)
        return drawn


def _resized(pixels: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """(H, W, C) -> (height, width, C): the mean of each target pixel's area."""
    full_height, full_width, channels = pixels.shape
    if full_height * full_width > _STRIP:
        # Rows first, in strips: OpenCV would copy the whole of a picture that lies beside its alpha.
        narrow = np.empty((full_height, width, channels), pixels.dtype)
        rows = max(1, _STRIP // full_width)
        for top in range(0, full_height, rows):
            strip = np.ascontiguousarray(pixels[top : top + rows])
            size = (width, strip.shape[0])
            narrow[top : top + rows] = cv2.resize(strip, size, interpolation=cv2.INTER_AREA).reshape(*size[::-1], -1)
        pixels = narrow
    pixels = np.ascontiguousarray(pixels)
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, channels)
