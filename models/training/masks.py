"""Random masks with the published parameters of LaMa [1], seeded.

[1] R. Suvorov et al., arXiv 2109.07161, and the configuration files of its code: free-form strokes and boxes.
A mask is (H, W) bool, True is the hole. Lengths are for crops of 256 or 512 px as named; `scaled` changes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Drawer = Callable[[tuple[int, int], np.random.Generator], Mask]

TRIES = 100


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
class Mixture:
    """One of several kinds, drawn by weight, until at least one pixel and at most `max_masked` of all is covered."""

    kinds: tuple[Drawer, ...]
    weights: tuple[float, ...]
    min_masked: float = 0.0
    max_masked: float = 1.0

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Mask:
        """Raises ValueError when none of 100 draws is within the limits (a canvas too small for the kinds)."""
        chances = np.asarray(self.weights) / sum(self.weights)
        for _ in range(TRIES):
            mask = self.kinds[int(rng.choice(len(self.kinds), p=chances))](shape, rng)
            if mask.any() and self.min_masked <= mask.mean() <= self.max_masked:
                return mask
        raise ValueError(f"no mask of {shape} px covers {self.min_masked:.0%} to {self.max_masked:.0%} of it")


def training_masks(crop_px: int, max_masked: float = 0.6) -> Mixture:
    """What LaMa is trained with at 256 px (strokes and boxes in equal parts), scaled to the crop."""
    factor = crop_px / 256
    return Mixture((Strokes().scaled(factor), Boxes().scaled(factor)), (1, 1), max_masked=max_masked)


def stroke_masks(size: str, side_px: int, min_masked: float = 0.0, max_masked: float = 0.5) -> Mixture:
    """LaMa's evaluation masks of 512 px (`thin`, `medium`, `thick`), scaled to `side_px`. Raises KeyError."""
    kinds: dict[str, tuple[tuple[Drawer, ...], tuple[float, ...]]] = {}
    factor = side_px / 512
    kinds["thin"] = ((Strokes(4, 70, max_len=100, max_width=20).scaled(factor),), (1,))
    boxes = Boxes(1, 5, margin=0, min_size=30, max_size=150).scaled(factor)
    kinds["medium"] = ((Strokes(4, 10, max_len=200, max_width=100).scaled(factor), boxes), (1, 0.3))
    boxes = Boxes(1, 4, margin=10, min_size=30, max_size=300).scaled(factor)
    kinds["thick"] = ((Strokes(1, 5, max_len=450, max_width=250).scaled(factor), boxes), (1, 0.3))
    drawers, weights = kinds[size]
    return Mixture(drawers, weights, min_masked=min_masked, max_masked=max_masked)
