"""A prediction: what a generator made of a hole and of the known pixels next to it, whose truth can be seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole

RING_PX = 16  # how far around a hole's box a prediction reaches, where the image and the region do


@dataclass(frozen=True)
class Prediction:
    """`values` (h, w, 3) float32 in [0, 1] as seen, for the pixels from (`x`, `y`): a hole's box and what is around it."""

    x: int
    y: int
    values: NDArray[np.float32]

    @property
    def box(self) -> tuple[slice, slice]:
        """Index of the prediction in an (H, W, …) array."""
        height, width = self.values.shape[:2]
        return slice(self.y, self.y + height), slice(self.x, self.x + width)

    def own(self, hole: Hole) -> NDArray[np.bool_]:
        """Which of the predicted pixels are the hole's own: (h, w) bool."""
        height, width = self.values.shape[:2]
        top, left = hole.y - self.y, hole.x - self.x
        return np.pad(hole.own, ((top, height - top - hole.h), (left, width - left - hole.w)))
