"""Sliced optimal transport between clouds of colours: how far they are apart, and which way each colour would go."""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Double = NDArray[np.float64]

_TABLE = 1024  # a slice's map is tabulated at so many places
_STEPS = np.float32(4096)  # of 1 are told apart
_NOISE = (1 / 255) ** 2  # variance that any cloud is granted


def slices(count: int, seed: int) -> Double:
    """`count` seeded directions on the sphere, (3, count) (`ot.sliced.get_random_projections`)."""
    import ot

    return np.asarray(ot.sliced.get_random_projections(3, count, seed))


def distance(colours: Float, reference: Float, directions: Double) -> float:
    """SW₂² of two clouds (N, 3), (M, 3): the mean over the directions of the squared Wasserstein distance in 1-D."""
    import ot

    found = ot.sliced_wasserstein_distance(
        colours.astype(np.float64), reference.astype(np.float64), projections=directions, p=2
    )
    return float(found) ** 2


class Flow:
    """−∇ of SW₂² / 2 at a cloud, as a function of colour: the mean over the slices of what each would move it by.

    J. Rabin, G. Peyré, J. Delon, M. Bernot, "Wasserstein Barycenter and Its Application to Texture Mixing", SSVM 2011.
    colours, reference (N, 3), as many of each. Colours that a slice does not tell apart move together, by their mean.
    """

    def __init__(self, colours: Float, reference: Float, directions: Double) -> None:
        self.directions = directions.astype(np.float32)
        self.low, self.high, self.tables = [], [], []
        for along in self.directions.T:
            places, counts = np.unique(np.rint(colours @ along * _STEPS), return_counts=True)
            places = places / _STEPS
            ends = np.cumsum(counts)
            sums = np.concatenate([[0.0], np.cumsum(np.sort(reference @ along), dtype=np.float64)])
            moves = (sums[ends] - sums[ends - counts]) / counts - places
            grid = np.linspace(float(places[0]), float(places[-1]), _TABLE)
            self.low.append(float(places[0]))
            self.high.append(float(places[-1]))
            self.tables.append(np.interp(grid, places, moves).astype(np.float32))

    def __call__(self, colours: Float) -> Float:
        """(N, 3) -> (N, 3)."""
        result = np.zeros_like(colours)
        for along, low, high, table in zip(self.directions.T, self.low, self.high, self.tables, strict=True):
            scale = np.float32((_TABLE - 1) / max(high - low, 1e-9))
            place = np.clip((colours @ along - np.float32(low)) * scale, 0, _TABLE - 1)
            index = np.minimum(place.astype(np.int32), _TABLE - 2)
            part = place - index
            result += (table[index] * (1 - part) + table[index + 1] * part)[:, None] * along
        return result / np.float32(self.directions.shape[1])


def tamed(reference: Float, colours: Float, gain: float) -> Float:
    """The reference (M, 3) drawn together where it is spread more than `gain` times as widely as the colours (N, 3).

    Along the axes that two covariances share. A plain fill has no spread that could be stretched: it would be noise.
    """
    mean = reference.mean(axis=0, dtype=np.float64)
    mine = np.cov(colours.astype(np.float64).T) + _NOISE * np.eye(3)
    theirs = np.cov(reference.astype(np.float64).T)
    root = np.linalg.cholesky(mine)
    inverse = np.linalg.inv(root)
    values, axes = np.linalg.eigh(inverse @ theirs @ inverse.T)
    shares = np.minimum(1, gain / np.sqrt(np.maximum(values, 1e-12)))
    map_ = root @ axes @ np.diag(shares) @ axes.T @ inverse
    return np.asarray(mean + (reference - mean) @ map_.T, dtype=np.float32)
