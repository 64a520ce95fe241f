"""The mask policy: from what was delivered to what is hole."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.colour import full_scale
from tasks.fill.settings import MaskSettings

Bool = NDArray[np.bool_]


def hole_from_luminance(mask: NDArray[np.uint8], settings: MaskSettings) -> Bool:
    """Threshold a mask image. mask (H, W) uint8 0–255 -> (H, W) bool, True is hole."""
    white = mask >= settings.threshold
    return white if settings.polarity == "white" else ~white


def hole_from_alpha(alpha: NDArray[Any], settings: MaskSettings) -> Bool:
    """Transparent is hole. alpha (H, W) uint8, uint16 or float32 in [0, 1] -> (H, W) bool."""
    return np.asarray(alpha < settings.threshold / 255 * full_scale(alpha.dtype), dtype=np.bool_)


def hole_from_colour(pixels: NDArray[np.unsignedinteger], settings: MaskSettings) -> Bool:
    """The key colour is hole. pixels (H, W, 1 or 3) uint8 or uint16 -> (H, W) bool."""
    full = int(np.iinfo(pixels.dtype).max)
    key = np.array([int(settings.colour[i : i + 2], 16) for i in (1, 3, 5)]) * (full // 255)
    tolerance = settings.colour_tolerance * (full // 255)
    return np.asarray((np.abs(pixels.astype(np.int32) - key) <= tolerance).all(axis=2), dtype=bool)


def hole_from_boxes(boxes: Sequence[Sequence[int]], shape: tuple[int, int]) -> Bool:
    """Boxes (x, y, w, h) in pixels, clipped to the image -> (H, W) bool."""
    hole = np.zeros(shape, dtype=bool)
    for x, y, w, h in boxes:
        hole[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = True
    return hole


def dilate(core: Bool, radius: int) -> Bool:
    """Grow by a Euclidean disc of this radius in pixels. (H, W) bool -> (H, W) bool, a superset of `core`."""
    if radius == 0:
        return core
    reach = np.arange(-radius, radius + 1)
    disc = (reach[:, None] ** 2 + reach[None, :] ** 2 <= radius**2).astype(np.uint8)
    return cv2.dilate(core.view(np.uint8), disc, borderType=cv2.BORDER_CONSTANT, borderValue=0).view(bool)


def feather_weight(core: Bool, hole: Bool, settings: MaskSettings) -> NDArray[np.float32]:
    """How much of the fill each pixel takes. core, hole (H, W) bool, hole = dilate(core) -> (H, W) float32 in [0, 1].

    1 on the core, 0 outside the hole, and inside the ring falling over the outermost `feather_px` pixels: the blend
    lies within the dilated ring, so no pixel that the mask names keeps what it showed, and none outside it changes.
    """
    if settings.feather_px == 0 or settings.dilate_px == 0:
        return hole.astype(np.float32)
    distance = cv2.distanceTransform((~core).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    fall = (settings.dilate_px + 1 - distance) / (settings.feather_px + 1)
    return np.where(hole, np.clip(fall, 0, 1), 0).astype(np.float32)
