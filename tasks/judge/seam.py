"""Measure `seam`: does a step show where the fill begins."""

import cv2
import numpy as np

from tasks.judge.scene import Scene, eroded

INSIDE_PX, OUTSIDE_PX = 4, 2  # across the frontier: the blend from known to fill lies inside it
AROUND_PX = 12  # how far what is around the frontier reaches to either side
FLOOR = 0.5 / 255  # a gradient per pixel below this is not seen
STEEP = 0.2  # per pixel and channel: an edge of the picture counts no more than this


def seam(scene: Scene) -> float:
    """Gradients across the frontier over those around it. Range [0, ∞), 1: as around, higher is worse; NaN: nothing around.

    m(A) = mean over pixels in A and channels of |∂I/∂n|, n the direction straight across the frontier. With A the band from
    4 px inside to 2 px outside the frontier, and B what lies up to 12 px to both sides of A: seam = (m(A) + f) / (m(B) + f),
    f = 0.5/255 per pixel; a slope counts 0.2 at most, so that one edge of the picture does not decide. Own definition: a
    ratio of means, since a hole's frontier is often too short to fit distributions of gradients to.
    """
    inside, outside = scene.inside_px, scene.outside_px
    signed = outside - inside
    across_x, across_y = (cv2.Sobel(signed, cv2.CV_32F, dx, dy, ksize=3) for dx, dy in ((1, 0), (0, 1)))
    length = np.maximum(np.sqrt(across_x**2 + across_y**2), 1e-6)
    right, down = scene.steps
    slope = right * (across_x / length)[:, :, None] + down * (across_y / length)[:, :, None]
    strength = np.minimum(np.abs(slope), STEEP).mean(axis=2)
    valid = eroded(scene.own | scene.known, 1)
    band = valid & (inside <= INSIDE_PX) & (outside <= OUTSIDE_PX)
    around = valid & ~band & (inside <= INSIDE_PX + AROUND_PX) & (outside <= OUTSIDE_PX + AROUND_PX)
    if not band.any() or not around.any():
        return float("nan")
    return (float(strength[band].mean()) + FLOOR) / (float(strength[around].mean()) + FLOOR)
