"""The exemplar: which known pixels a hole's pixels are to be like."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.correct.block_matching import REFERENCE, Matches, matches
from tasks.fill.correction import Window

Bool = NDArray[np.bool_]
Ints = NDArray[np.int64]

_APART_PX = 6  # from what is not picture: filters would see it
_FOUND = 0.5  # of the hole; where less has its like, the ring is the exemplar
_LEAST = 256  # pixels of a ring


@dataclass(frozen=True)
class Exemplar:
    """Pixels of a hole and the known pixels that stand for them: `hole`, `known` (N, 2), y and x in the window.

    The same known pixel may stand for many.
    """

    hole: Ints
    known: Ints

    def thinned(self, step: int, most: int) -> tuple[Ints, Ints]:
        """On a grid of `step` px, both in its units, at most about `most` of them."""
        there = (self.hole % step == step // 2).all(axis=1)
        hole, known = self.hole[there] // step, self.known[there] // step
        every = max(1, -(-len(hole) // most))
        return hole[::every], known[::every]


def exemplar(window: Window, reference: str, seed: int) -> Exemplar | None:
    """What `block_matching` finds (`matched`), or any pixels of the ring; None where too little is known."""
    picture = window.known | window.own
    kernel = np.ones((2 * _APART_PX + 1, 2 * _APART_PX + 1), np.uint8)
    eroded = cv2.erode(picture.view(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    usable = np.asarray(eroded).view(bool) & window.known
    hole = np.argwhere(window.own)
    if reference == "matched":
        found: Matches = matches(window, REFERENCE)
        there = found.found[hole[:, 0], hole[:, 1]]
        places = hole + found.offsets[hole[:, 0], hole[:, 1]]
        there &= usable[places[:, 0], places[:, 1]]
        if there.mean() >= _FOUND:
            return Exemplar(hole[there], places[there])
    ring = np.argwhere(usable)
    if len(ring) < _LEAST:
        return None
    picks = np.random.default_rng(seed).integers(0, len(ring), len(hole))
    return Exemplar(hole, ring[picks])
