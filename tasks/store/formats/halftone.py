"""Pictures of two levels: whether grey is made of dots there, or there is none, as in drawings and text."""

import cv2
import numpy as np
from numpy.typing import NDArray

_CELL = 32
# Dots of error diffusion or of an ordered matrix stand alone; those of a press screen do not, but edges are everywhere.
# Measured: text and thresholded photographs up to 0.016 and 0.18, dithered photographs from 0.17 and 0.46.
_LONE, _EDGES = 0.03, 0.3


def halftoned(levels: NDArray[np.generic], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Is there a halftone around each masked pixel? levels (H, W), mask (H, W) bool -> (n,) bool, in raster order.

    Judged by known pixels within one to two cells of 32 pixels, and by all of them where a hole is wider.
    """
    known = ~mask
    beside = (levels[:, 1:] != levels[:, :-1]) & known[:, 1:] & known[:, :-1]
    below = (levels[1:] != levels[:-1]) & known[1:] & known[:-1]
    lone = np.zeros(mask.shape, bool)
    lone[1:-1, 1:-1] = beside[1:-1, 1:] & beside[1:-1, :-1] & below[1:, 1:-1] & below[:-1, 1:-1]
    edges = np.zeros(mask.shape, bool)
    edges[:, 1:] = beside
    counts = [_cells(part) for part in (known, lone, edges)]
    near = [cv2.blur(count, (3, 3), borderType=cv2.BORDER_REFLECT_101) + count.mean() * 1e-3 for count in counts]
    total = np.maximum(near[0], 1e-9)
    grain = (near[1] > _LONE * total) | (near[2] > _EDGES * total)
    y, x = np.nonzero(mask)
    return np.asarray(grain[y // _CELL, x // _CELL], bool)


def _cells(part: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How many pixels of each cell are set: float32, one value a cell."""
    rows = np.add.reduceat(part, np.arange(0, part.shape[0], _CELL), axis=0, dtype=np.int32)
    return np.add.reduceat(rows, np.arange(0, part.shape[1], _CELL), axis=1).astype(np.float32)
