"""How different two pictures look to fixed filters of several scales: a feature distance that needs no weights."""

import cv2
import numpy as np

from tasks.judge.scene import Bool, Float

SCALES = 3
_PIECES = ((2.0, 0.0, 0.02), (0.0, 0.05, 0.002))  # of texture and of detail: blur in px, weight of colours, floor


def texture_distance(a: Float, b: Float, where: Bool) -> float:
    """How different the slopes near each place are. Range [0, 4 · scales], 0: equal.

    Of two pictures (h, w, 3) float32 in [0, 1], over `where` (h, w) bool. At each of three scales, halved from one to the
    next: the rectified slopes of the luma in eight directions and its rectified Laplacian, blurred by σ = 2 px; divided by
    their norm (and a floor of 0.02) at every position. Squared differences are summed over channels, averaged over
    positions, summed over scales: the form of `feature.FeatureDistance`, with filters in place of a network. NaN where
    `where` is empty.
    """
    return _distance(a, b, where, *_PIECES[0])


def detail_distance(a: Float, b: Float, where: Bool) -> float:
    """As `texture_distance`, place by place: nothing is blurred, the floor is 0.002, and colours count, by a twentieth."""
    return _distance(a, b, where, *_PIECES[1])


def _distance(a: Float, b: Float, where: Bool, blur: float, colour: float, floor: float) -> float:
    if not where.any():
        return float("nan")
    total, weight = 0.0, where.astype(np.float32)
    for scale in range(SCALES):
        if scale:
            size = ((a.shape[1] + 1) // 2, (a.shape[0] + 1) // 2)
            a, b, weight = (_halved(v, size) for v in (a, b, weight))
        one, other = (_features(picture, blur, colour, floor) for picture in (a, b))
        off = ((one - other) ** 2).sum(axis=2)
        total += float((off * weight).sum(dtype=np.float64) / weight.sum(dtype=np.float64))
    return total


def _halved(values: Float, size: tuple[int, int]) -> Float:
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _features(picture: Float, blur: float, colour: float, floor: float) -> Float:
    """(h, w, 3) -> (h, w, C), of norm below 1."""
    luma = picture @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    right, down = (cv2.Scharr(luma, cv2.CV_32F, dx, dy) / np.float32(32) for dx, dy in ((1, 0), (0, 1)))
    half = np.float32(np.sqrt(0.5))
    slopes = [right, down, (right + down) * half, (right - down) * half, cv2.Laplacian(luma, cv2.CV_32F)]
    planes = [np.maximum(sign * slope, 0) for slope in slopes for sign in (1, -1)]
    if blur:
        planes = [np.asarray(cv2.GaussianBlur(plane, (0, 0), blur)) for plane in planes]
    if colour:
        planes.append(picture * np.float32(colour))
    found = np.dstack(planes)
    norm = np.sqrt((found**2).sum(axis=2, keepdims=True))
    return np.asarray(found / (norm + np.float32(floor)), dtype=np.float32)
