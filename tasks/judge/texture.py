"""Measures `sharpness_ratio` and `grain_ratio`: is the fill as crisp and as grainy as what is around it."""

import cv2
import numpy as np

from tasks.judge.scene import Bool, Float, Scene

FLOOR = 0.5 / 255  # what is below cannot be seen; keeps ratios of plain areas near 1
SMOOTH = 0.5  # the share of a side's pixels that counts as smooth
LEAST = 12  # pixels
_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)


def sharpness_ratio(scene: Scene) -> float:
    """Mean gradient of the hole over that of the ring. Range [0, ∞), 1 is best, below 1 soft, above 1 harder than around.

    (g(hole) + f) / (g(ring) + f), g the mean length of the colour gradient per pixel, f = 0.5/255; NaN: fewer than 12 pixels
    on a side. Gradient magnitude as a measure of focus: E. Krotkov, "Focusing", IJCV 1, 1988 (Tenengrad).
    """
    return _ratio(scene.edges, scene.inner, scene.ring)


def grain_ratio(scene: Scene) -> float:
    """Noise of the hole over that of the ring. Range [0, ∞), 1 is best, below 1 too clean, above 1 too noisy.

    (σ(hole) + f) / (σ(ring) + f), f = 0.5/255, σ = 1.4826 · median |N ∗ luma| / 6 over the smoother half of the pixels (by
    the gradient of the luma blurred over 5 px); N = [1 −2 1; −2 4 −2; 1 −2 1] does not see edges and slopes. NaN: fewer than
    12 pixels on a side. J. Immerkær, "Fast Noise Variance Estimation", CVIU 64, 1996, made robust by the median.
    """
    second = np.asarray(cv2.filter2D(scene.luma, -1, _NOISE, borderType=cv2.BORDER_REFLECT_101), np.float32)
    noise = np.asarray(np.abs(second) / 6, np.float32)
    soft = cv2.GaussianBlur(scene.luma, (5, 5), 0)
    across, down = (np.asarray(cv2.Sobel(soft, cv2.CV_32F, dx, dy, ksize=3), np.float32) for dx, dy in ((1, 0), (0, 1)))
    slope: Float = np.abs(across) + np.abs(down)
    sides = [_sigma(noise, slope, side) for side in (scene.inner, scene.ring)]
    return (sides[0] + FLOOR) / (sides[1] + FLOOR)


def _sigma(noise: Float, slope: Float, where: Bool) -> float:
    if np.count_nonzero(where) < LEAST:
        return float("nan")
    values, slopes = noise[where], slope[where]
    return 1.4826 * float(np.median(values[slopes <= np.quantile(slopes, SMOOTH)]))


def _ratio(values: Float, hole: Bool, ring: Bool) -> float:
    if np.count_nonzero(hole) < LEAST or np.count_nonzero(ring) < LEAST:
        return float("nan")
    return (float(values[hole].mean()) + FLOOR) / (float(values[ring].mean()) + FLOOR)
