"""The frontier: how far a fill and what is known differ where they meet."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.membrane import membrane
from tasks.fill.ring import Float, Ring

_BAND_PX = 4  # on either side that is compared
NEAR_PX = 2  # of the frontier, where it is asked
_LIMIT = 3.0  # a step further than this many deviations from the median is an edge's

Bool = NDArray[np.bool_]


def inside_px(known: Bool) -> Float:
    """How far each pixel lies from what is known, (h, w); 0 where known."""
    return np.asarray(cv2.distanceTransform((~known).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), dtype=np.float32)


def step(shown: Float, known: Bool, own: Bool) -> Float:
    """What to add to a fill so that its means near the frontier are those of what is known beyond it, as a membrane.

    shown (h, w, 3), known, own (h, w) bool -> (h, w, 3); 0 where they do not meet.
    """
    far = inside_px(known)
    to_own = cv2.distanceTransform((~own).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    inner, outer = own & (far <= _BAND_PX), known & (to_own <= _BAND_PX)
    there = inner & (far <= NEAR_PX)
    if not there.any():
        return np.zeros_like(shown)
    (mine, share), (theirs, other) = (_means(shown, band) for band in (inner, outer))
    there &= (share > 0) & (other > 0)
    steps = (theirs - mine)[there]
    middle = np.median(steps, axis=0)
    limit = np.float32(_LIMIT * 1.4826) * np.median(np.abs(steps - middle), axis=0)
    plane = np.zeros_like(shown)
    plane[there] = np.clip(steps, middle - limit, middle + limit)
    ring = Ring(there)
    return ring.to_full(membrane(ring.means(plane), ring.share > 0))


def _means(values: Float, where: Bool) -> tuple[Float, Float]:
    """Means of the values `where`, over squares of twice the band, and how much of it there is."""
    size = (2 * _BAND_PX + 1, 2 * _BAND_PX + 1)
    weight = cv2.blur(where.astype(np.float32), size, borderType=cv2.BORDER_CONSTANT)
    total = cv2.blur(values * where[:, :, None], size, borderType=cv2.BORDER_CONSTANT)
    weight[weight < 1e-4] = 0
    return np.asarray(total / np.maximum(weight, 1e-4)[:, :, None], dtype=np.float32), np.asarray(weight)
