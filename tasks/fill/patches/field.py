"""The nearest-neighbour field: for each target the source whose patch is most like its own.

PatchMatch (C. Barnes et al., SIGGRAPH 2009), for all targets at once: what a neighbour found is tried beside it, near
and far (jump flooding: G. Rong and T.-S. Tan, I3D 2006), then random places around the best so far. Where there are
few, every source is tried.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Index = NDArray[np.int32]
Bool = NDArray[np.bool_]

_JUMPS = (4, 1, 2, 1)
_CHUNK = 1 << 13  # targets at a time: their features stay in the cache
_TABLE = 1 << 20  # distances at a time
_COHERENT = 0.8  # a place that no neighbour proposes must be that much better
_USES = 1.5  # how many times its share a source may be used at no cost
_CROWDED = 4.0


@dataclass
class Field:
    """Places are indices into a plane of H × W = `shape` pixels, flattened.

    targets (N,): whose patches are looked for; sources (M,): where they may be found, M > 0; best (N,): the source found
    for each; distance (N,): its squared distance, and what crowding costs. tried: how many distances were computed.
    """

    shape: tuple[int, int]
    targets: Index
    sources: Index
    best: Index

    def __post_init__(self) -> None:
        self.distance: Float = np.full(len(self.targets), np.inf, dtype=np.float32)
        self.tried = 0
        self._cost: Float = np.full(self.shape[0] * self.shape[1], np.inf, dtype=np.float32)
        self._cost[self.sources] = 0

    def crowd(self, share: float, side: int) -> None:
        """From now on a source costs `share` of the mean distance for each time too often that it and its surroundings
        of `side` px are used: no spot of the image is copied again and again."""
        uses = np.bincount(self.best, minlength=len(self._cost)).astype(np.float32).reshape(self.shape)
        uses = np.asarray(cv2.blur(uses, (side, side)), dtype=np.float32).ravel()[self.sources]
        fair = max(1.0, len(self.targets) / len(self.sources))
        over = np.clip(uses / np.float32(fair) - np.float32(_USES), 0, np.float32(_CROWDED))
        self._cost[self.sources] = over * np.float32(share * float(self.distance.mean()))

    def measure(self, features: Float) -> None:
        """Distances anew, for features (H·W, D) that have changed."""
        for part in self._parts():
            self.distance[part] = self._distances(features, self.targets[part], self.best[part])

    def search_all(self, features: Float) -> None:
        """Try every source."""
        theirs = features[self.sources]
        # |t − s|² less |t|² as one product: −2 t·s + 1·|s|².
        level = np.einsum("nd,nd->n", theirs, theirs) + self._cost[self.sources]
        table = np.vstack([theirs.T * np.float32(-2), level])
        step = max(1, _TABLE // len(self.sources))
        for start in range(0, len(self.targets), step):
            part = slice(start, start + step)
            mine = features[self.targets[part]]
            mine = np.hstack([mine, np.ones((len(mine), 1), dtype=np.float32)])
            self.best[part] = self.sources[np.argmin(mine @ table, axis=1)]
        self.tried += len(self.sources) * len(self.targets)
        self.measure(features)

    def search(self, features: Float, rng: np.random.Generator, radius: int) -> None:
        """Try the neighbours' places, then random ones within `radius` px, half as far each time."""
        self._propagate(features)
        height, width = self.shape
        while radius >= 1:
            drawn = rng.integers(-radius, radius + 1, (2, len(self.targets)), dtype=np.int32)
            y, x = np.divmod(self.best, np.int32(width))
            y, x = np.clip(y + drawn[0], 0, height - 1), np.clip(x + drawn[1], 0, width - 1)
            self._try(features, y * np.int32(width) + x, _COHERENT)
            radius //= 2

    def _propagate(self, features: Float) -> None:
        width = self.shape[1]
        slot = np.full(len(self._cost), -1, dtype=np.int32)
        slot[self.targets] = np.arange(len(self.targets), dtype=np.int32)
        for jump in _JUMPS:
            for step in (-jump, jump, -jump * width, jump * width):
                neighbour = slot.take(self.targets + np.int32(step), mode="clip")
                proposed = self.best.take(neighbour, mode="clip") - np.int32(step)
                proposed = np.where(neighbour < 0, self.best, np.clip(proposed, 0, len(self._cost) - 1))
                self._try(features, proposed, 1.0)

    def _try(self, features: Float, proposed: Index, share: float) -> None:
        """Take the proposed places (N,) where they are sources and their distance is below `share` of the best."""
        for part in self._parts():
            places = proposed[part]
            worth = np.flatnonzero((places != self.best[part]) & np.isfinite(self._cost.take(places)))
            if not len(worth):
                continue
            places = places[worth]
            worth += part.start
            found = self._distances(features, self.targets[worth], places)
            better = found < self.distance[worth] * np.float32(share)
            chosen = worth[better]
            self.best[chosen], self.distance[chosen] = places[better], found[better]

    def _distances(self, features: Float, targets: Index, places: Index) -> Float:
        self.tried += len(targets)
        difference = features.take(targets, axis=0)
        difference -= features.take(places, axis=0)
        found = np.einsum("nd,nd->n", difference, difference)
        found += self._cost.take(places)
        return np.asarray(found, dtype=np.float32)

    def _parts(self) -> list[slice]:
        return [slice(start, start + _CHUNK) for start in range(0, len(self.targets), _CHUNK)]
