"""Gradient domain: pixels from many sources as one picture, coarse colours from a guide, without a step where sources meet."""

import cv2
import numpy as np

from tasks.correct.blocks.grid import Bool, Float, Ints
from tasks.fill.picture import Box

_NEIGHBOURS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=np.float32)
_LEFT = 0.003  # of the misfit is left by the iteration


def joined(picture: Float, offsets: Ints, own: Bool, real: Bool, guided_px: float, box: Box) -> Float:
    """The picture w (h, w, 3) that minimises Σ (∇w − g)² + Σ (w − u)² / `guided_px`² on the hole, and is u elsewhere.

    picture u (h, w, 3): the guide, and where the sources lie; offsets (h, w, 2): from each pixel to its source, which lies
    inside, as do its neighbours' sources; own, real (h, w) bool: the hole, and what is picture at all; `box`: the hole's,
    with a border of 1 px. g are the gradients
    of the sources, where two meet the mean of both (P. Pérez et al., "Poisson Image Editing", SIGGRAPH 2003; the second
    term screens: P. Bhat et al., "GradientShop", ACM TOG 29, 2010). Chebyshev's semi-iteration
    (Y. Saad, "Iterative Methods for Sparse Linear Systems", 2003, algorithm 12.1) to 0.3 %.
    """
    ys, xs = (np.arange(part.start, part.stop) for part in box)
    u, inside = picture[box], own[box]
    right, degree = np.zeros_like(u), np.zeros(inside.shape, dtype=np.float32)
    for down, across in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        y, x = np.meshgrid(ys[1:-1], xs[1:-1], indexing="ij")
        gradient = np.zeros((*y.shape, 3), dtype=np.float32)
        for to_y, to_x in ((0, 0), (down, across)):  # by its own source, by its neighbour's
            source = offsets[y + to_y, x + to_x]
            source_y, source_x = y + source[..., 0], x + source[..., 1]
            gradient += picture[source_y + down, source_x + across] - picture[source_y, source_x]
        there = real[y + down, x + across].astype(np.float32)
        right[1:-1, 1:-1] += (picture[y + down, x + across] - picture[y, x] - gradient / 2) * there[:, :, None]
        degree[1:-1, 1:-1] += there
    result = picture.copy()
    result[box] += _solved(right, degree, inside, 1 / guided_px**2)
    return result


def _solved(right: Float, degree: Float, own: Bool, screen: float) -> Float:
    """d (h, w, 3), 0 outside the hole: (degree + screen) d − Σ of the neighbours' d = right."""
    inside = own.astype(np.float32)[:, :, None]
    low, high = screen, 8 + screen
    middle, half = (high + low) / 2, (high - low) / 2
    diagonal = (degree + np.float32(screen))[:, :, None]
    d, rest = np.zeros_like(right), right * inside
    move = rest / np.float32(middle)
    ratio = half / middle
    for _ in range(int(np.ceil(np.log(2 / _LEFT) / 2 * np.sqrt(high / low)))):
        d += move
        beside = cv2.filter2D(move, -1, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
        rest -= (diagonal * move - beside) * inside
        before, ratio = ratio, 1 / (2 * middle / half - ratio)
        move = np.float32(ratio * before) * move + np.float32(2 * ratio / half) * rest
    return d
