"""Measure `colour_shift`: has the hole the colours of what is around it."""

import numpy as np
from numpy.typing import NDArray

from tasks.judge.scene import REACH_PX, Float, Scene

DIRECTIONS = 16
PIXELS = 1024
QUANTILES = 128


def colour_shift(scene: Scene) -> float:
    """Sliced Wasserstein distance W₁ between the hole's colours and the ring's. Range [0, √3], lower is better.

    0: the same colours in the same amounts; a shift of every channel by d gives about d·√3/2. In units of the range of
    RGB; NaN: no ring. J. Rabin et al., "Wasserstein Barycenter and its Application to Texture Mixing", SSVM 2011: mean over
    directions of the distance of the projections, which for sorted values is that of their quantiles.
    """
    ring = scene.known & (scene.outside_px <= REACH_PX)
    if not ring.any() or not scene.own.any():
        return float("nan")
    return sliced_wasserstein(_thinned(scene.seen[scene.own]), _thinned(scene.seen[ring]))


def sliced_wasserstein(a: Float, b: Float) -> float:
    """W₁ averaged over fixed directions of space, by their quantiles: colours (N, 3) and (M, 3), N and M above 0."""
    directions = _directions()
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    theirs, mine = (
        np.sort(colours @ directions, axis=0)[(levels * len(colours)).astype(np.intp)] for colours in (a, b)
    )
    return float(np.abs(theirs - mine).mean())


def _directions() -> NDArray[np.float32]:
    """Unit vectors spread evenly over half a sphere (a Fibonacci lattice): (3, directions)."""
    index = np.arange(DIRECTIONS) + 0.5
    up, turn = index / DIRECTIONS, np.pi * (1 + 5**0.5) * index
    flat = np.sqrt(1 - up**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), up]).astype(np.float32)


def _thinned(colours: Float) -> Float:
    return colours[:: max(1, len(colours) // PIXELS)]
