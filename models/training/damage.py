"""Random masks of what time and hands leave on scans: scratches and hairs, dust, lettering.

A mask is (H, W) bool, True is the hole. Widths are in px as a scanner sees them and are not scaled with the canvas:
a scratch two pixels wide is what a generator has to fill at any size of its crop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from models.training.shapes import Mask

SUB = 16  # OpenCV's fixed-point coordinates: 1/16 px
SUB_BITS = 4
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:-'/&"


@dataclass(frozen=True)
class Scratches:
    """Long thin curves, mostly straight and parallel (film transport), some bent (hairs), some interrupted.

    Lengths are shares of the canvas's diagonal; `max_width` in px.
    """

    min_times: int = 1
    max_times: int = 12
    max_width: int = 5
    min_length: float = 0.1
    max_length: float = 1.2
    hairs: float = 0.3  # share of bent ones

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Mask:
        canvas = np.zeros(shape, np.uint8)
        diagonal = math.hypot(*shape)
        common = rng.uniform(0, math.pi)
        for _ in range(int(rng.integers(self.min_times, self.max_times + 1))):
            hair = rng.random() < self.hairs
            angle = rng.uniform(0, math.pi) if hair else common + rng.normal(0, 0.05)
            length = diagonal * rng.uniform(self.min_length, self.max_length) * (0.4 if hair else 1)
            bend = rng.normal(0, 0.35 if hair else 0.01)
            width = int(rng.integers(1, self.max_width + 1))
            # a parabola through a random point, in the frame of its own direction
            t = np.linspace(-0.5, 0.5, 33)
            along, across = t * length, bend * length * (t * t - 0.08)
            centre = rng.uniform(0, 1, 2) * np.array([shape[1], shape[0]])
            x = centre[0] + along * math.cos(angle) - across * math.sin(angle)
            y = centre[1] + along * math.sin(angle) + across * math.cos(angle)
            points = np.rint(np.stack([x, y], axis=1) * SUB).astype(np.int32)
            kept = rng.random(4) > (0.25 if rng.random() < 0.5 else 0)  # quarters of the curve that are damaged
            for quarter in np.flatnonzero(kept):
                piece = points[8 * quarter : 8 * quarter + 9]
                cv2.polylines(canvas, [piece], False, (1,), width, cv2.LINE_8, SUB_BITS)
        return canvas.astype(bool)


@dataclass(frozen=True)
class Dust:
    """Specks: many small ellipses, radii in px with a long tail; their number is for a canvas of 256²."""

    min_times: int = 5
    max_times: int = 120
    min_radius: float = 0.5
    max_radius: float = 7.0

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Mask:
        canvas = np.zeros(shape, np.uint8)
        share = shape[0] * shape[1] / 256**2
        times = max(1, round(float(rng.uniform(self.min_times, self.max_times)) * share))
        largest = rng.uniform(self.min_radius, self.max_radius)
        for _ in range(times):
            radius = self.min_radius + (largest - self.min_radius) * rng.random() ** 2
            other = radius * rng.uniform(0.4, 1.0)
            centre = rng.uniform(0, 1, 2) * np.array([shape[1], shape[0]]) * SUB
            axes = (max(1, round(radius * SUB)), max(1, round(other * SUB)))
            at = (int(centre[0]), int(centre[1]))
            cv2.ellipse(canvas, at, axes, float(rng.uniform(0, 180)), 0, 360, (1,), -1, cv2.LINE_8, SUB_BITS)
        return canvas.astype(bool)


@dataclass(frozen=True)
class Text:
    """Lines of random letters and digits, upright or slightly turned: captions, dates, stamps. Letter heights in px."""

    min_lines: int = 1
    max_lines: int = 4
    min_height: float = 8.0
    max_height: float = 40.0
    max_turn: float = 12.0  # degrees

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Mask:
        canvas = np.zeros(shape, np.uint8)
        font = int(rng.integers(0, 8)) | (cv2.FONT_ITALIC if rng.random() < 0.3 else 0)
        height = rng.uniform(self.min_height, min(self.max_height, max(self.min_height + 1, shape[0] / 3)))
        scale = height / 22  # Hershey capitals are about 22 px high at scale 1
        weight = max(1, round(height * rng.uniform(0.05, 0.2)))
        x = rng.uniform(-0.1, 0.5) * shape[1]
        y = rng.uniform(0.1, 1.0) * shape[0]
        for line in range(int(rng.integers(self.min_lines, self.max_lines + 1))):
            words = (
                "".join(rng.choice(list(LETTERS), int(rng.integers(1, 9)))) for _ in range(int(rng.integers(1, 6)))
            )
            at = (int(x), int(y + 1.6 * height * line))
            cv2.putText(canvas, " ".join(words), at, font, scale, (1,), weight)
        middle = (shape[1] / 2, shape[0] / 2)
        turn = cv2.getRotationMatrix2D(middle, float(rng.uniform(-self.max_turn, self.max_turn)), 1)
        turned = cv2.warpAffine(canvas, turn, (shape[1], shape[0]), flags=cv2.INTER_NEAREST)
        return turned.astype(bool)
