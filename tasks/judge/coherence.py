"""Measure `coherence`: is what the fill shows found elsewhere in the picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.judge.scene import Float, Scene, eroded

SIDE_PX = 7
HOLE_PATCHES = 96
KNOWN_PATCHES = 512
FLOOR = 1 / 255  # a distance below one step of 8 bits is none
SEED = 20


@dataclass(frozen=True)
class Matches:
    """Root mean square differences, in [0, 1], of patches and the best of the known ones.

    `hole`: of the hole's patches, mean; `known`: of known patches, the best that does not overlap, mean.
    """

    hole: float
    known: float


def coherence(scene: Scene) -> float:
    """How well the hole's patches match known ones, against known ones among themselves: higher is better.

    d = `matches`: coherence = (d_known + f) / (d_known + d_hole + 2f), f = 1/255. Range (0, 1); 0.5: the fill is as much
    like its surroundings as they are like themselves; NaN where there is no whole patch. Patch coherence as in the energy
    of Y. Wexler et al., "Space-Time Completion of Video", PAMI 2007, eq. 1.
    """
    found = matches(scene)
    return (found.known + FLOOR) / (found.known + found.hole + 2 * FLOOR)


def matches(scene: Scene) -> Matches:
    """Best matches of 7 × 7 patches; of many a seeded sample, so that time is bounded. NaN where there are none."""
    nothing = Matches(float("nan"), float("nan"))
    half = SIDE_PX // 2
    valid = eroded(scene.own | scene.known, half)
    valid[:half] = valid[-half:] = False
    valid[:, :half] = valid[:, -half:] = False
    rng = np.random.default_rng([SEED, scene.area])
    hole = _sample(scene.own & valid, HOLE_PATCHES, rng)
    known = _sample(valid & eroded(scene.known, half), KNOWN_PATCHES, rng)
    if not len(hole) or len(known) < 8:
        return nothing
    theirs = _patches(scene.seen, known)
    best = _squares(_patches(scene.seen, hole), theirs).min(axis=1)
    probes = slice(None, None, max(1, len(known) // HOLE_PATCHES))
    among = _squares(theirs[probes], theirs)
    y, x = known.astype(np.int32).T
    apart = np.maximum(np.abs(y[probes, None] - y), np.abs(x[probes, None] - x))
    among[apart < SIDE_PX] = np.inf
    alike = among.min(axis=1)
    alike = alike[np.isfinite(alike)]
    if not len(alike):
        return nothing
    return Matches(*(float(np.sqrt(np.maximum(found, 0)).mean()) for found in (best, alike)))


def _sample(where: NDArray[np.bool_], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """At most `count` places (N, 2), y and x."""
    flat = np.flatnonzero(where)
    if len(flat) > count:
        flat = np.sort(rng.choice(flat, count, replace=False))
    return np.stack(np.divmod(flat, where.shape[1]), axis=1)


def _patches(seen: Float, places: NDArray[np.intp]) -> Float:
    """(N, side² · 3)."""
    windows = np.lib.stride_tricks.sliding_window_view(seen, (SIDE_PX, SIDE_PX), axis=(0, 1))
    half = SIDE_PX // 2
    return windows[places[:, 0] - half, places[:, 1] - half].reshape(len(places), -1)


def _squares(a: Float, b: Float) -> Float:
    """Mean square differences of all pairs: (N, D), (M, D) -> (N, M); rounding may leave less than 0."""
    count = np.float32(a.shape[1])
    square = (a @ b.T) * np.float32(-2 / count)
    square += (a**2).sum(axis=1)[:, None] / count
    square += (b**2).sum(axis=1) / count
    return square
