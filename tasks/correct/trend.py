"""The trend: a smooth function of place through what is known around a hole."""

import numpy as np
from numpy.typing import NDArray

from tasks.fill.ring import Float, Ring

_ROUNDS = 4
_PENALTY = np.diag([1e-9, 1e-6, 1e-6, 1e-4, 1e-4, 1e-4])  # bends only as far as the ring says so
_OUTLIER = 2.4 * 1.4826  # Cauchy's constant, and from median to standard deviation
_ROOM = 1.5  # how far beyond the ring's range it may run, as a part of that range


def trend(seen: Float, ring: Ring) -> Float:
    """A quadratic function of place for each channel: seen (h, w, C), 0 where nothing is known -> (h, w, C).

    Least squares, reweighted by Cauchy's function, so that a tree beside the sky does not bend the sky (P. Holland and
    R. Welsch, Comm. in Statistics 6, 1977). It stays near the ring's range.
    """
    where = ring.share > 0
    values = ring.means(seen, 1)[where].astype(np.float64)
    y, x = np.meshgrid(*(_places(side) for side in where.shape), indexing="ij")
    terms = np.stack([np.ones_like(y), y, x, y * y, x * y, x * x], axis=-1)[where]
    share = ring.share[where].astype(np.float64)
    weight = share
    for _ in range(_ROUNDS):
        weighted = terms * weight[:, None]
        factors = np.linalg.solve(weighted.T @ terms + _PENALTY * weight.sum(), weighted.T @ values)
        off = np.sqrt(((terms @ factors - values) ** 2).sum(axis=1))
        weight = share / (1 + (off / (_OUTLIER * np.median(off) + 1e-4)) ** 2)
    low, high = values.min(axis=0), values.max(axis=0)
    room = _ROOM * (high - low)
    return _drawn(factors.astype(np.float32), ring.known.shape, low - room, high + room)


def _places(side: int) -> NDArray[np.float64]:
    """Centres of `side` pixels or cells over [−1, 1]."""
    return (np.arange(side) + 0.5) / side * 2 - 1


def _drawn(factors: Float, shape: tuple[int, ...], low: NDArray[np.float64], high: NDArray[np.float64]) -> Float:
    """factors (6, C) -> (h, w, C), clipped."""
    y = _places(shape[0]).astype(np.float32)[:, None, None]
    x = _places(shape[1]).astype(np.float32)[None, :, None]
    constant, by_y, by_x, by_yy, by_xy, by_xx = factors
    drawn = (constant + y * (by_y + y * by_yy)) + x * (by_x + x * by_xx)
    drawn += x * (y * by_xy)
    return np.asarray(np.clip(drawn, low.astype(np.float32), high.astype(np.float32)), dtype=np.float32)
