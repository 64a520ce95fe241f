"""OUT/crops: the part of a photo with most of the hole, as each method fills it; what the contact sheet is made of."""

import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.store.objects import Store

SIDE_PX = 256
QUALITY = 92
INPUT, TRUTH = "input", "truth"

Pixels = NDArray[np.uint8]


def crop_path(seed: int, kind: str, photo_sha256: str, method: str) -> str:
    """Of one photo, mask and method; `INPUT` and `TRUTH` are methods too."""
    return f"crops/{seed}/{kind}/{photo_sha256[:20]}/{hashlib.sha256(method.encode()).hexdigest()[:20]}.jpg"


def write_crop(
    store: Store,
    seed: int,
    kind: str,
    photo_sha256: str,
    method: str,
    filled: Pixels,
    truth: Pixels,
    mask: NDArray[np.bool_],
) -> None:
    """Write the crop of a fill, and what every method has in common: the truth, and the input with a grey hole.

    filled, truth (H, W, 3) uint8; mask (H, W) bool. Raises StorageDenied and StorageUnavailable.
    """
    box = busiest(mask)
    hole = mask[box][:, :, None]
    parts = {method: filled[box], TRUTH: truth[box], INPUT: np.where(hole, np.uint8(128), truth[box])}
    for name, part in parts.items():
        store.put(crop_path(seed, kind, photo_sha256, name), _jpeg(part))


def busiest(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The window of 256 px, or less in a smaller photo, with most of the hole; the first of several."""
    sides = tuple(min(SIDE_PX, side) for side in mask.shape)
    total = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    h, w = sides
    inside = total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w]
    y, x = np.unravel_index(int(inside.argmax()), inside.shape)
    return slice(int(y), int(y) + h), slice(int(x), int(x) + w)


def _jpeg(pixels: Pixels) -> bytes:
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
