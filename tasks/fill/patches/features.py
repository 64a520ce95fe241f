"""Features of patches: what two places are compared by, a few numbers a pixel instead of 5 × 5 × 3 colours.

The patch around a pixel is described by the lowest coefficients of its discrete cosine transform, lightness finer than
colour. The transform is orthonormal: the squared distance of two descriptions is that of the two patches, less what is
finest. All coefficients but the means are weighted up, so that gradients count for more than levels (S. Darabi et al.,
"Image Melding", SIGGRAPH 2012). They are separable filters: no patch is ever laid out.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

RADIUS = 2  # px: patches are 5 × 5 at every scale
SIDE = 2 * RADIUS + 1
_LIGHTNESS, _COLOUR = 4, 1  # highest order u + v of the coefficients kept
_GRADIENT = 1.5
# Lightness, red–blue, green–magenta: orthonormal, so that distances stay what they are.
_AXES = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], dtype=np.float32)
_AXES /= np.linalg.norm(_AXES, axis=1, keepdims=True)
_NEAR_PX = 200.0  # px of the image that weigh as much as a distance of 1 between patches
_GUIDE_DEVIATION = 2.0  # px of the level: the guide is compared as far as a generator's fill can be trusted


def _cosines() -> Float:
    """(SIDE, SIDE): the orthonormal vectors of the DCT-II, one a row."""
    order, place = np.mgrid[:SIDE, :SIDE]
    rows = np.cos(np.pi * order * (2 * place + 1) / (2 * SIDE))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


_COSINES = _cosines()
_ORDERS = [
    (axis, u, v)
    for axis, highest in enumerate((_LIGHTNESS, _COLOUR, _COLOUR))
    for u in range(highest + 1)
    for v in range(highest + 1 - u)
]
COUNT = len(_ORDERS)
FIXED = 5  # three of the guide, two of the place


def describe(values: Float, found: Float) -> None:
    """values (H, W, 3) float32 in [0, 1] -> the first COUNT of `found` (H, W, ≥ COUNT), mirrored at the border."""
    axes = _planes(values)
    for number, (axis, u, v) in enumerate(_ORDERS):
        weight = _GRADIENT if u or v else 1.0
        found[:, :, number] = cv2.sepFilter2D(axes[axis], cv2.CV_32F, _COSINES[u] * weight, _COSINES[v])


def describe_place(guide: Float, weight: float, step: int, found: Float) -> None:
    """What stays while a level is completed, the last FIXED of `found` (H, W, ≥ FIXED).

    guide (H, W, 3): the picture with the guide in its holes, compared by means, `weight` times as much as the patches'
    own; step: px of the image that a pixel is long. The place counts because texture is like what is near.
    """
    smooth = np.asarray(cv2.GaussianBlur(guide, (0, 0), _GUIDE_DEVIATION), dtype=np.float32)
    for number, plane in enumerate(_planes(smooth * np.float32(SIDE * weight))):
        found[:, :, number - FIXED] = plane
    height, width = guide.shape[:2]
    found[:, :, -2] = np.arange(height, dtype=np.float32)[:, None] * np.float32(step / _NEAR_PX)
    found[:, :, -1] = np.arange(width, dtype=np.float32) * np.float32(step / _NEAR_PX)


def _planes(values: Float) -> list[Float]:
    return [np.ascontiguousarray(plane) for plane in np.moveaxis(values @ _AXES.T, 2, 0)]
