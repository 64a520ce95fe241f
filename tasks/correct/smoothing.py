"""Smoothing over part of an array: what lies outside of it does not count."""

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

_RIDGE = 1e-3  # keeps planes through a line of pixels level across it


def guided(values: Float, guide: Float, own: NDArray[np.bool_], radius_px: int, least: float) -> Float:
    """`values` as a locally linear function of `guide`, channel by channel: (h, w, C) each, own (h, w) bool.

    Guided filter (K. He, J. Sun and X. Tang, IEEE PAMI 35, 2013) over squares of 2 · `radius_px` + 1; contrasts of the guide
    below `least` are not followed. Symmetric and positive, so that what descends still does. 0 outside of `own`.
    """
    weight = _sums(own.astype(np.float32), radius_px)
    shares = np.where(own, 1 / np.maximum(weight, 1), np.float32(0)).astype(np.float32)[:, :, None]
    inside = own[:, :, None].astype(np.float32)

    def mean(planes: Float) -> Float:
        return np.asarray(_sums(planes * inside, radius_px) * shares, dtype=np.float32)

    mean_guide, mean_values = mean(guide), mean(values)
    slope = (mean(guide * values) - mean_guide * mean_values) / (
        np.maximum(mean(guide * guide) - mean_guide**2, 0) + np.float32(least**2)
    )
    level = mean_values - slope * mean_guide
    return np.asarray(mean(slope) * guide * inside + mean(level), dtype=np.float32)


def planar(values: Float, where: NDArray[np.bool_], sigma: float) -> Float:
    """Local means that follow slopes: at each pixel the value of the plane that fits best what is `where` around it.

    values (h, w, C), where (h, w) bool; weights are Gaussian, `sigma` px. Planes are reproduced exactly up to the edge of
    what counts, which plain means do not (H. Knutsson and C.-F. Westin, "Normalized and Differential Convolution", CVPR
    1993). Far from all that counts the result means nothing.
    """
    reach = int(np.ceil(3 * sigma))
    places = np.arange(-reach, reach + 1) / sigma
    weights = np.exp(-(places**2) / 2) / np.exp(-(places**2) / 2).sum()
    kernels = [weights * places**power for power in range(3)]

    def moment(planes: Float, across: int, down: int) -> Float:
        found = cv2.sepFilter2D(planes, -1, kernels[across], kernels[down], borderType=cv2.BORDER_CONSTANT)
        return np.asarray(found, dtype=np.float32).reshape(planes.shape)

    share = where.astype(np.float32)
    held: Float = values * share[:, :, None]
    one, x, y = moment(share, 0, 0), moment(share, 1, 0), moment(share, 0, 1)
    xx, xy, yy = moment(share, 2, 0), moment(share, 1, 1), moment(share, 0, 2)
    xx, yy = (plane + np.float32(_RIDGE) * one + np.float32(1e-6) for plane in (xx, yy))
    # The first row of the inverse of the matrix of moments, by cofactors.
    first, second, third = xx * yy - xy * xy, y * xy - x * yy, x * xy - y * xx
    whole = np.maximum(one * first + x * second + y * third, np.float32(1e-12))
    total = first[:, :, None] * moment(held, 0, 0)
    total += second[:, :, None] * moment(held, 1, 0) + third[:, :, None] * moment(held, 0, 1)
    return np.asarray(total / whole[:, :, None], dtype=np.float32)


def _sums(planes: Float, radius: int) -> Float:
    size = (2 * radius + 1, 2 * radius + 1)
    found = cv2.boxFilter(planes, -1, size, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(found, dtype=np.float32).reshape(planes.shape)
