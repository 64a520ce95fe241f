"""Dithering: a smooth fill on few colours, its errors spread so that the eye sees the colours between them."""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Numbers = NDArray[np.intp]

# T. Riemersma, "Colour metric" (CompuPhase): squared differences of red, green and blue count 2 : 4 : 3. Normalised, so
# that a difference of n in all channels is a distance of n.
_WEIGHTS = np.sqrt(np.array([2, 4, 3], np.float32) / 9)
# R. W. Floyd and L. Steinberg (1976): (rows down, columns right, share). With x + 2y as the time of a pixel, all that it
# receives from is earlier: pixels of one time are done together.
_SHARES = ((0, 1, 7 / 16), (1, -1, 3 / 16), (1, 0, 5 / 16), (1, 1, 1 / 16))
_BLOCK = 1 << 16  # distances at once: what fits the processor's cache


def distance(one: NDArray[np.generic], other: NDArray[np.generic]) -> Float:
    """How far apart colours (n, C) look, C 1 or 3, in units of the values: (n,)."""
    return _apart(_scaled(one), _scaled(other))


def nearest(wanted: NDArray[np.generic], colours: NDArray[np.generic]) -> tuple[Numbers, Numbers]:
    """The numbers of the nearest and the second nearest of `colours` (K, C) to each of `wanted` (n, C) -> (n,), (n,).

    Values 0–255, C 1 or 3, K ≥ 1; where K is 1, both are 0.
    """
    points, channels = _scaled(wanted), np.ascontiguousarray(_scaled(colours).T)
    first, second = np.zeros(len(points), np.intp), np.zeros(len(points), np.intp)
    rows = max(1, _BLOCK // len(colours))
    for start in range(0, len(points), rows):
        part = slice(start, start + rows)
        squares = _squares(points[part], channels)
        first[part] = squares.argmin(axis=1)
        if len(colours) > 1:
            squares[np.arange(len(squares)), first[part]] = np.inf
            second[part] = squares.argmin(axis=1)
    return first, second


def diffuse(
    wanted: NDArray[np.generic],
    places: Numbers,
    width: int,
    colours: NDArray[np.generic],
    snap: float | Float = 1 / 32,
) -> Numbers:
    """Error diffusion over any set of pixels: for each, the number of one of `colours`.

    wanted (n, C) values 0–255, C 1 or 3; places (n,) ascending, row · width + column; colours (K, C), K ≥ 1. Errors go to
    those of Floyd and Steinberg's four neighbours that are in the set; the result depends on nothing else.

    `snap` (a number or (n,), 0 to 0.5): how near to a colour, in parts of the way to the second nearest, nothing is
    spread, so that a fill of almost white stays clean; what lies between is stretched, and 0.5 does not dither at all.
    An error never grows beyond four times the gap that its colour lies in: colours that no mixture shows would smear.
    """
    points, table = _scaled(wanted), _scaled(colours)
    channels = np.ascontiguousarray(table.T)
    chosen, other = nearest(wanted, colours)
    off = _apart(points, table[chosen])
    gap = off + _apart(points, table[other])
    away = np.divide(off, gap, out=np.zeros_like(gap), where=gap > 0)
    reach = np.maximum(0.5 - np.asarray(snap, np.float32), 1e-6)
    kept = np.clip((away - (0.5 - reach)) * 0.5 / reach, 0, 0.5)
    points = table[chosen] + (points - table[chosen]) * (kept / np.maximum(away, 1e-6))[:, None]

    neighbours = [_neighbours(places, width, down, right) for down, right, _ in _SHARES]
    # At the edge of the set those who are there share all of an error, or small holes would not keep their mean.
    present = sum((n < len(places)) * np.float32(share) for n, (_, _, share) in zip(neighbours, _SHARES, strict=True))
    scale = 1 / np.where(present > 0, present, 1).astype(np.float32)
    time = places % width + 2 * (places // width)
    order = np.argsort(time, kind="stable")
    starts = np.flatnonzero(np.diff(time[order], prepend=-1))
    carried = np.zeros((len(points) + 1, points.shape[1]), np.float32)  # the last row takes what leaves the set
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        now = order[start:end]
        errors = carried[now]
        size = np.sqrt(np.square(errors).sum(axis=1))
        target = points[now] + errors * np.minimum(1, 4 * gap[now] / np.maximum(size, 1e-6))[:, None]
        picks = _squares(target, channels).argmin(axis=1)
        chosen[now] = picks
        left = (target - table[picks]) * scale[now, None]
        for towards, (_, _, share) in zip(neighbours, _SHARES, strict=True):
            carried[towards[now]] += np.float32(share) * left
    return chosen


def _neighbours(places: Numbers, width: int, down: int, right: int) -> NDArray[np.int32]:
    """The number of each pixel's neighbour within `places`; len(places) where it is not among them."""
    column = places % width + right
    target = places + down * width + right
    found = np.minimum(np.searchsorted(places, target), len(places) - 1)
    inside = (column >= 0) & (column < width) & (places[found] == target)
    return np.where(inside, found, len(places)).astype(np.int32)


def _scaled(colours: NDArray[np.generic]) -> Float:
    values = colours.astype(np.float32)
    return values * _WEIGHTS if values.shape[1] == 3 else values


def _apart(one: Float, other: Float) -> Float:
    """Distances (n,) of colours (n, C), one by one."""
    return np.asarray(np.sqrt(np.square(one - other).sum(axis=1)), np.float32)


def _squares(points: Float, channels: Float) -> Float:
    """Squared distances (n, K) of points (n, C) and colours (C, K).

    Channel by channel: the last bits of a matrix product would depend on the number of threads.
    """
    total = np.zeros((len(points), channels.shape[1]), np.float32)
    for channel, values in enumerate(channels):
        difference = points[:, channel, None] - values
        difference *= difference
        total += difference
    return total
