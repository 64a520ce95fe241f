"""A level: a window of the picture at one scale, and which of its pixels are hole and which may be copied."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from tasks.fill.patches.features import RADIUS, SIDE
from tasks.fill.patches.field import Bool, Field, Float, Index

_PATCH = np.ones((SIDE, SIDE), dtype=np.uint8)


@dataclass(frozen=True)
class Level:
    """values (H, W, 3) float32 in [0, 1], holes filled by a guide; hole, source (H, W) bool: to complete, to copy from.

    Around it lies a border of RADIUS px, neither hole nor source: patches need no test for where the window ends.
    """

    values: Float
    hole: Bool
    source: Bool

    @cached_property
    def targets(self) -> Index:
        """Places whose patches hold a pixel of the hole, but for those in the border."""
        near = cv2.dilate(self.hole.view(np.uint8), _PATCH)
        near[:RADIUS] = near[-RADIUS:] = 0
        near[:, :RADIUS] = near[:, -RADIUS:] = 0
        return np.flatnonzero(near).astype(np.int32)

    @cached_property
    def sources(self) -> Index:
        """Places whose patches may be copied whole."""
        within = cv2.erode(self.source.view(np.uint8), _PATCH, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        return np.flatnonzero(within).astype(np.int32)

    @cached_property
    def depth(self) -> Float:
        """How far into the hole each target lies, in pixels of the level: (len(targets),)."""
        near = np.zeros(self.hole.size, dtype=np.uint8)
        near[self.targets] = 1
        depth = cv2.distanceTransform(near.reshape(self.hole.shape), cv2.DIST_L2, cv2.DIST_MASK_3)
        return np.asarray(depth.ravel()[self.targets], dtype=np.float32)

    def finer(self, found: Field, coarse: Level, rng: np.random.Generator) -> Index:
        """For each target what a field of half the size found there; what is no source is drawn anew."""
        width, theirs = self.hole.shape[1], coarse.hole.shape[1]
        plane = np.arange(coarse.hole.size, dtype=np.int32)  # what is no target there is itself
        plane[found.targets] = found.best
        y, x = np.divmod(self.targets, np.int32(width))
        y, x = y - RADIUS, x - RADIUS
        places = plane[(y // 2 + RADIUS) * np.int32(theirs) + x // 2 + RADIUS]
        down, right = np.divmod(places, np.int32(theirs))
        down, right = (down - RADIUS) * 2 + y % 2 + RADIUS, (right - RADIUS) * 2 + x % 2 + RADIUS
        best = down * np.int32(width) + right
        allowed = np.zeros(self.hole.size, dtype=np.bool_)
        allowed[self.sources] = True
        lost = ~allowed[best]
        best[lost] = self.drawn(int(lost.sum()), rng)
        return np.asarray(best, dtype=np.int32)

    def drawn(self, count: int, rng: np.random.Generator) -> Index:
        """(count,) sources at random."""
        return np.asarray(self.sources[rng.integers(0, len(self.sources), count)], dtype=np.int32)


def levels_of(values: Float, hole: Bool, source: Bool, count: int) -> list[Level]:
    """From fine to coarse, `count` of them, each half the size of the one before.

    A pixel is hole as soon as a part of it is, and source only where all of it is.
    """
    step = 1 << (count - 1)
    height, width = hole.shape
    spare = 0, -height % step, 0, -width % step
    values = np.asarray(cv2.copyMakeBorder(values, *spare, cv2.BORDER_REPLICATE), dtype=np.float32)
    blank = [
        np.asarray(cv2.copyMakeBorder(plane.astype(np.float32), *spare, cv2.BORDER_CONSTANT), dtype=np.float32)
        for plane in (hole, source)
    ]
    found = []
    for _ in range(count):
        found.append(_bordered(values, blank[0] > 0, blank[1] > 1 - 1e-6))
        size = (values.shape[1] // 2, values.shape[0] // 2)
        if min(size) == 0:
            break
        values, *blank = (_halved(plane, size) for plane in (values, *blank))
    return found


def _bordered(values: Float, hole: Bool, source: Bool) -> Level:
    sides = ((RADIUS, RADIUS), (RADIUS, RADIUS))
    return Level(np.pad(values, (*sides, (0, 0)), mode="symmetric"), np.pad(hole, sides), np.pad(source, sides))


def _halved(plane: Float, size: tuple[int, int]) -> Float:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
