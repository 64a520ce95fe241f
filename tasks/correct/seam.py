"""Correction `seam`: the fill meets its surroundings without a step, and is no busier than they are.

A generator errs by a few steps of 8 bits in colour and draws a faint grid: nothing in a meadow, a stain in a sky. Around
the hole the truth is known, and the generator's values for it too. Two things follow from the known ring:

1. *Offset.* What the generator gets wrong just outside the hole it gets wrong just inside (`tasks.fill.offset`).
2. *Damping.* B is the ring spread over the hole: a robust quadratic trend, and a membrane of what it leaves. The fill is
   B + Σ bands of (fill − B), a Laplacian pyramid, and each band is let through up to what the ring holds of its kind:
   for the fine bands, as much energy as the ring has there; for the coarsest, as far from B as the ring's own colours
   lie (their variance under the harmonic measure of the place, which grows with the distance from the frontier), and as
   far as the trend has left what a membrane of itself would be: at the border of the image, where the ring is on one
   side only, a trend runs on into colours that nobody has seen. In a sky that leaves B; where the ring has texture or
   edges nothing is above the limit, and the fill stays.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.correct.trend import trend
from tasks.fill.correction import RING, Reach, Window
from tasks.fill.membrane import membrane
from tasks.fill.offset import offset
from tasks.fill.ring import Float, Ring

_LEVELS = 4  # bands of the pyramid: what is finer than about 2, 4, 8 and 16 px; the generator's grid has 8
_CELL = 1 << _LEVELS  # px over which energy is averaged
_PEAK = 4  # energies are spread as a power mean, nearer to the ring's busiest parts than to its mean
_FINE = 2.0  # how much livelier than the ring a fine band may be
_COARSE = 2.5  # how many deviations from B the coarsest may lie
_TINY = np.float32(1e-12)
_LEAST = np.float32(1e-3)

Bool = NDArray[np.bool_]


class Seam:
    """The correction: `seam` of the ring."""

    reach: Reach = RING

    def __call__(self, window: Window) -> Float:
        """See `tasks.fill.correction.Correction`."""
        return seam(window.fill, window.seen, window.known, window.own)


def seam(fill: Float, seen: Float, known: Bool, own: Bool) -> Float:
    """See the module; the arguments are those of a `tasks.fill.correction.Window`, which are not changed.

    Without anything known around it a fill is returned as is.
    """
    if not known.any() or not own.any():
        return fill
    height, width = own.shape
    down, right = (max(2 * _CELL, -(-side // _CELL) * _CELL) - side for side in own.shape)
    ring = Ring(np.pad(known, ((0, down), (0, right))))
    seen = np.pad(seen, ((0, down), (0, right), (0, 0)))
    raised = np.pad(fill, ((0, down), (0, right), (0, 0)), mode="edge")
    raised += offset(raised, seen, ring)
    base = trend(seen, ring)
    rest = seen - base
    rest[~ring.known] = 0
    left, variance = _spread_rest(rest, base, ring)
    base += left
    raised -= base
    raised = _damped(raised, rest, variance, ring, np.pad(own, ((0, down), (0, right))))
    raised += base
    result: Float = np.clip(raised[:height, :width], 0, 1)
    np.copyto(result, fill, where=~own[:, :, None])
    return result


def _spread_rest(rest: Float, base: Float, ring: Ring) -> tuple[Float, Float]:
    """What the trend leaves of the ring, spread: (h, w, 3), and how far from B it may be right to be: a variance there,
    channels summed, (h / 2, w / 2). base: the trend (h, w, 3)."""
    means = ring.means(rest)
    where = ring.share > 0
    level = means[where].mean(axis=0)  # taken off, it keeps the difference of squares below exact
    means -= level
    means[~where] = 0
    found = membrane(np.dstack([means, (means**2).sum(axis=2)]), where)
    # Not all of the square: a membrane is right to about 1 %, and beside an edge no variance would be a wrong one.
    variance = np.maximum(found[:, :, 3] - np.float32(0.98) * (found[:, :, :3] ** 2).sum(axis=2), 0)
    drawn = ring.means(np.where(ring.known[:, :, None], base, np.float32(0)))
    astray = ring.cells(base) - membrane(drawn, where)
    variance += np.where(where, np.float32(0), (astray**2).sum(axis=2))
    height, width = ring.known.shape
    half = cv2.resize(variance, (width // 2, height // 2), interpolation=cv2.INTER_LINEAR)
    return ring.to_full(found[:, :, :3] + level), np.asarray(half, dtype=np.float32)


def _damped(values: Float, rest: Float, variance: Float, ring: Ring, own: Bool) -> Float:
    """fill − B with each band at most as strong as the ring's: all (h, w, 3), sides multiples of the cell."""
    bands, coarsest = _bands(values)
    cells = coarsest.shape[:2]
    result = np.zeros_like(coarsest)
    for level, (band, (theirs, share)) in reversed(list(enumerate(zip(bands, _ring_bands(rest, ring), strict=True)))):
        result = _up(result)
        if level >= 1:
            coarsest = _up(coarsest)
        if level == 1:  # here, not where it is coarse: next to the frontier its limit changes within pixels
            result += coarsest * _gain(variance, (coarsest**2).sum(axis=2), _COARSE)[:, :, None]
        size = (band.shape[1], band.shape[0])
        mine = np.asarray(cv2.resize(own.astype(np.float32), size, interpolation=cv2.INTER_AREA), dtype=np.float32)
        gain = _gain(_allowed(theirs, share, cells), _energy(band, mine, cells)[0], _FINE)
        if gain.min() < 1:
            result += band * cv2.resize(gain, size, interpolation=cv2.INTER_LINEAR)[:, :, None]
        else:
            result += band
    return result


def _gain(allowed: Float, found: Float, factor: float) -> Float:
    """How much of a band is let through, in [0, 1], of energies of one shape."""
    return np.minimum(np.float32(1), np.float32(factor) * np.sqrt(allowed / np.maximum(found, _TINY)))


def _down(values: Float) -> Float:
    return np.asarray(cv2.pyrDown(values), dtype=np.float32)


def _up(values: Float) -> Float:
    return np.asarray(cv2.pyrUp(values), dtype=np.float32)


def _bands(values: Float) -> tuple[list[Float], Float]:
    """Laplacian pyramid (P. Burt and E. Adelson, IEEE Trans. Comm. 31, 1983): from fine to coarse, and what is left."""
    bands = []
    for _ in range(_LEVELS):
        coarser = _down(values)
        bands.append(values - _up(coarser))
        values = coarser
    return bands, values


def _ring_bands(rest: Float, ring: Ring) -> list[tuple[Float, Float]]:
    """The same of the ring alone: bands (h, w, 3), and how much of each of their pixels is ring (h, w)."""
    weight = ring.known.astype(np.float32)
    values, bands = rest, []
    for _ in range(_LEVELS):
        coarse_weight = _down(weight)
        held: Float = values * weight[:, :, None]
        sums = _down(held)
        band: Float = values - _divided(_up(sums), _up(coarse_weight))
        bands.append((band, weight))
        values, weight = _divided(sums, coarse_weight), coarse_weight
    return bands


def _divided(sums: Float, weight: Float) -> Float:
    """Weighted sums (h, w, C) over their weight (h, w): means, near 0 where there is next to no weight."""
    return np.asarray(sums / np.maximum(weight, _LEAST)[:, :, None], dtype=np.float32)


def _allowed(band: Float, share: Float, cells: tuple[int, ...]) -> Float:
    """The ring's energy, spread over all cells."""
    energy, weight = _energy(band, share, cells)
    where = weight > min(1e-3, float(weight.max()) / 2)  # a lone pixel is a ring too
    highest, lowest = energy[where].max(), energy[where].min()
    powers = np.where(where, (energy / max(highest, _TINY)) ** _PEAK, np.float32(0))
    found = membrane(powers[:, :, None], where)[:, :, 0]
    means = np.maximum(found, 0) ** np.float32(1 / _PEAK) * highest
    return np.asarray(np.maximum(means, lowest), dtype=np.float32)


def _energy(band: Float, share: Float, cells: tuple[int, ...]) -> tuple[Float, Float]:
    """Mean square of what has a `share`, channels summed, by and around each cell; and the share there."""
    planes = np.dstack([np.einsum("hwc,hwc,hw->hw", band, band, share), share])
    sums = cv2.blur(
        cv2.resize(planes, (cells[1], cells[0]), interpolation=cv2.INTER_AREA), (3, 3), borderType=cv2.BORDER_REPLICATE
    )
    weight = np.asarray(sums[:, :, 1], dtype=np.float32)
    return np.asarray(sums[:, :, 0] / np.maximum(weight, 1e-6), dtype=np.float32), weight
