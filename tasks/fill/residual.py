"""The residual: what a picture holds and the generator is not shown, carried past it over the hole.

A generator sees sRGB. Colours outside it, values outside the shown range of floats, and the black of another separation
than the profile's own do not survive being seen: r = stored − stored(seen(stored)) is not 0. Around the hole r is known.
Without it the fill would be right in sRGB and still meet its surroundings at a step.
"""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.colour import Float, unit
from tasks.fill.holes import Hole
from tasks.fill.membrane import membrane
from tasks.fill.picture import Picture

Double = NDArray[np.float64]

RING_PX = 8  # how far around the hole r is looked at
_GRID = 160  # the membrane is spread on no finer a grid than this many cells a side: what is spread is smooth
_REACH = (5, 5)  # px; the ring's values are means over as much
_RIDGE = 1e-4
_EDGE = 0.05  # how near to 0 or 1 a colour counts as clipped


def carried(
    picture: Picture, mask: NDArray[np.bool_], holes: Sequence[Hole], fills: Sequence[Float]
) -> list[Float | None]:
    """What to add to each fill in stored units, (N, C) float32 for the hole's own pixels; None where it is nothing.

    mask (H, W) bool; fills (N, 3) float32 as seen. Two parts: how r goes with place and colour (ridge regression over
    the ring), taken at the colours of the fill; and what that leaves, as a membrane spanned over the hole from the ring,
    so that nothing steps at the frontier. It stays within the ring's range of r. Less than half a step of the file is
    nothing.

    Measured over holes in eight photographs whose truth was given as the fill, root mean square of what is still wrong
    in 8-bit steps, with nothing, the membrane alone, both: very saturated colours in ProPhoto RGB 2.2, 1.8, 1.3; CMYK
    separated by the profile itself (8 bits of ink) 6.9, 3.8, 3.1; CMYK of another black 94, 25, 10.
    """
    if picture.exact:
        return [None] * len(holes)
    rings = [_ring(picture, mask, hole) for hole in holes]
    # Once for all: converting a few pixels costs as much as converting a thousand.
    stored = np.concatenate([picture.pixels[window][ring] for window, _, ring in rings])[:, None]
    seen = picture.colour.seen(stored)
    rest = (unit(stored) - picture.colour.stored(seen))[:, 0]
    ends = np.cumsum([0, *(np.count_nonzero(ring) for _, _, ring in rings)])
    parts = [slice(begin, end) for begin, end in pairwise(ends)]
    least = 0.5 / (picture.levels - 1) if picture.levels else 0.0
    return [
        _extended(seen[part, 0], rest[part], ring, own, fill) if np.abs(rest[part]).max(initial=0) > least else None
        for part, (_, own, ring), fill in zip(parts, rings, fills, strict=True)
    ]


def _ring(
    picture: Picture, mask: NDArray[np.bool_], hole: Hole
) -> tuple[tuple[slice, slice], NDArray[np.bool_], NDArray[np.bool_]]:
    """A window, and in it the hole's own pixels and the known ones around them, (h, w) each."""
    window, own = surroundings(hole, mask.shape)
    ring = cv2.distanceTransform((~own).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3) <= RING_PX
    ring &= ~mask[window]
    missing = picture.missing(window)
    return window, own, ring if missing is None else ring & ~missing


def _extended(seen: Float, rest: Float, ring: NDArray[np.bool_], own: NDArray[np.bool_], fill: Float) -> Float:
    """seen (M, 3), rest (M, C) of the ring, fill (N, 3) of the hole -> (N, C)."""
    scale = np.abs(rest).max()  # the ridge is for values near 1
    rest, known = rest / scale, _features(seen, ring)
    trend = _ridge(known.astype(np.float64), rest.astype(np.float64)).astype(np.float32)
    result = _features(fill, own) @ trend + _spread(rest - known @ trend, ring, own)
    return np.asarray(np.clip(result, rest.min(axis=0), rest.max(axis=0)) * scale, dtype=np.float32)


def surroundings(hole: Hole, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """The hole's box with the ring around it, within the image, and the hole's own pixels there."""
    top, left = min(RING_PX, hole.y), min(RING_PX, hole.x)
    bottom, right = min(RING_PX, shape[0] - hole.y - hole.h), min(RING_PX, shape[1] - hole.x - hole.w)
    window = slice(hole.y - top, hole.y + hole.h + bottom), slice(hole.x - left, hole.x + hole.w + right)
    return window, np.pad(hole.own, ((top, bottom), (left, right)))


def _features(seen: Float, where: NDArray[np.bool_]) -> Float:
    """(N, 3) and a window's (h, w) with N pixels True -> (N, 15): 1, place, colour, colour squared, near 0, near 1.

    What a gamut cuts off shows only at the ends of the range: the last two let inner colours keep their 0.
    """
    features = np.ones((len(seen), 15), dtype=np.float32)
    y, x = np.nonzero(where)
    middle = max(where.shape) / 2
    features[:, 1], features[:, 2] = y / middle - 1, x / middle - 1
    features[:, 3:6] = seen * 2 - 1
    features[:, 6:9] = features[:, 3:6] ** 2
    features[:, 9:12] = np.exp(seen / -_EDGE)
    features[:, 12:15] = np.exp((seen - 1) / _EDGE)
    return features


def _ridge(features: Double, values: Double) -> Double:
    """(N, F), (N, C) -> (F, C): least squares, drawn towards 0 where the ring says little."""
    penalty = np.full(features.shape[1], _RIDGE * len(features) + 1e-2)
    penalty[0] = 1e-9
    return np.asarray(np.linalg.solve(features.T @ features + np.diag(penalty), features.T @ values))


def _spread(values: Float, ring: NDArray[np.bool_], own: NDArray[np.bool_]) -> Float:
    """Values (N, C) of the ring's pixels -> (M, C) for the hole's own, spanned from means over a few pixels."""
    height, width = ring.shape
    plane = np.zeros((height, width, values.shape[1]), dtype=np.float32)
    plane[ring] = values
    weight = cv2.blur(ring.astype(np.float32), _REACH, borderType=cv2.BORDER_CONSTANT)
    means = cv2.blur(plane, _REACH, borderType=cv2.BORDER_CONSTANT).reshape(plane.shape)
    means = np.where(ring[:, :, None], means / np.maximum(weight, np.float32(1e-6))[:, :, None], np.float32(0))
    cell = max(1, -(-max(height, width) // _GRID))
    size = (-(-width // cell), -(-height // cell))
    share = cv2.resize(ring.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    cells = cv2.resize(means, size, interpolation=cv2.INTER_AREA).reshape(*share.shape, -1)
    cells = cells / np.maximum(share, 1e-6)[:, :, None]
    spanned = membrane(cells.astype(np.float32), share > 1e-6)
    full = cv2.resize(spanned, (width, height), interpolation=cv2.INTER_LINEAR).reshape(plane.shape)
    return np.asarray(full[own], dtype=np.float32)
