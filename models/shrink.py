"""Scaling a damaged picture down: what lies in the hole does not reach its surroundings."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def shrunk(crop: Image, hole: Mask, size: tuple[int, int]) -> tuple[Image, Mask]:
    """The mean of the known pixels under each pixel of `size` (width, height), and where most of them are unknown.

    crop: (H, W, 3) float32 in [0, 1]; hole: (H, W) bool. Returns (height, width, 3) float32 and (height, width) bool.
    """
    known = (~hole).astype(np.float32)
    weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(crop * known[..., None], size, interpolation=cv2.INTER_AREA)
    mean: Image = np.clip(small / np.maximum(weight, 1e-6)[..., None], 0, 1).astype(np.float32)
    return mean, weight < 0.5
