"""Random masks with the published parameters of LaMa [1]: free-form strokes and boxes; and polygons.

[1] R. Suvorov et al., arXiv 2109.07161, and the configuration files of its code.
A mask is (H, W) bool, True is the hole. Lengths are in px of the canvas; `scaled` changes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Strokes:
    """Polylines of one to five segments: direction, length and width of each are random.

    max_angle (rad), max_len and max_width (px) are exclusive; 10 px are added to a length, 5 px to a width.
    """

    min_times: int = 1
    max_times: int = 5
    max_angle: int = 4
    max_len: int = 200
    max_width: int = 100

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Mask:
        canvas = np.zeros(shape, np.uint8)
        height, width = shape
        for stroke in range(int(rng.integers(self.min_times, self.max_times + 1))):
            x, y = int(rng.integers(width)), int(rng.integers(height))
            for _ in range(int(rng.integers(1, 6))):
                angle = 0.01 + int(rng.integers(self.max_angle))
                if stroke % 2 == 0:
                    angle = 2 * math.pi - angle
                length = 10 + int(rng.integers(self.max_len))
                end_x = min(max(int(x + length * math.sin(angle)), 0), width)
                end_y = min(max(int(y + length * math.cos(angle)), 0), height)
                cv2.line(canvas, (x, y), (end_x, end_y), (1,), 5 + int(rng.integers(self.max_width)))
                x, y = end_x, end_y
        return canvas.astype(bool)

    def scaled(self, factor: float) -> Strokes:
        """The same strokes on a canvas `factor` times as large."""
        return replace(
            self, max_len=max(1, round(self.max_len * factor)), max_width=max(1, round(self.max_width * factor))
        )


@dataclass(frozen=True)
class Boxes:
    """Axis-parallel boxes at least `margin` px inside the canvas; sides from `min_size` to `max_size` px."""

    min_times: int = 1
    max_times: int = 4
    margin: int = 10
    min_size: int = 30
    max_size: int = 150

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Mask:
        mask = np.zeros(shape, bool)
        largest = min(self.max_size, shape[0] - 2 * self.margin, shape[1] - 2 * self.margin)
        smallest = max(1, min(self.min_size, largest))
        for _ in range(int(rng.integers(self.min_times, self.max_times + 1))):
            h, w = (int(side) for side in rng.integers(smallest, max(largest, smallest) + 1, 2))
            y = int(rng.integers(self.margin, max(self.margin, shape[0] - self.margin - h) + 1))
            x = int(rng.integers(self.margin, max(self.margin, shape[1] - self.margin - w) + 1))
            mask[y : y + h, x : x + w] = True
        return mask

    def scaled(self, factor: float) -> Boxes:
        """The same boxes on a canvas `factor` times as large."""
        return replace(
            self,
            margin=round(self.margin * factor),
            min_size=max(1, round(self.min_size * factor)),
            max_size=max(1, round(self.max_size * factor)),
        )


@dataclass(frozen=True)
class Polygons:
    """Closed outlines with a random radius at each corner: the silhouettes of removed objects.

    Corners are in order around a centre inside the canvas, so no outline crosses itself. Radii in px.
    """

    min_times: int = 1
    max_times: int = 3
    min_corners: int = 5
    max_corners: int = 14
    min_radius: int = 20
    max_radius: int = 90

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Mask:
        canvas = np.zeros(shape, np.uint8)
        for _ in range(int(rng.integers(self.min_times, self.max_times + 1))):
            corners = int(rng.integers(self.min_corners, self.max_corners + 1))
            angles = (np.arange(corners) + rng.uniform(-0.4, 0.4, corners)) * (2 * math.pi / corners)
            radii = rng.uniform(self.min_radius, self.max_radius) * rng.uniform(0.45, 1.0, corners)
            centre = rng.uniform(0, 1, 2) * np.array([shape[1] - 1, shape[0] - 1])
            points = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
            cv2.fillPoly(canvas, [np.rint(points).astype(np.int32)], (1,))
        return canvas.astype(bool)

    def scaled(self, factor: float) -> Polygons:
        """The same polygons on a canvas `factor` times as large."""
        return replace(
            self, min_radius=max(1, round(self.min_radius * factor)), max_radius=max(2, round(self.max_radius * factor))
        )
