"""The offset of a fill from what is known: what the generator gets wrong around a hole, spread over the hole.

What it gets wrong just outside a hole it gets wrong just inside: the difference known − fill along the frontier, spread as
a membrane, keeps the fill's gradients between the values of the frontier (P. Pérez, M. Gangnet, A. Blake, "Poisson Image
Editing", SIGGRAPH 2003).
"""

import numpy as np
from numpy.typing import NDArray

from tasks.fill.correction import RING, Reach, Window
from tasks.fill.membrane import membrane
from tasks.fill.ring import Ring

Float = NDArray[np.float32]

_LIMIT = 3.0  # a misfit further than this many deviations from the ring's median is an edge's, and would smear


class Offset:
    """A `tasks.fill.correction.Correction`: the fill without its offset."""

    reach: Reach = RING

    def __call__(self, window: Window) -> Float:
        """See `tasks.fill.correction.Correction`."""
        if not window.known.any() or not window.own.any():
            return window.fill
        found = offset(window.fill, window.seen, Ring(window.known))
        return np.where(window.own[:, :, None], np.clip(window.fill + found, 0, 1), window.fill)


def offset(fill: Float, seen: Float, ring: Ring) -> Float:
    """What to add to a fill: fill, seen (h, w, 3) float32, the latter right on the ring -> (h, w, 3)."""
    misfit = seen[ring.known] - fill[ring.known]
    middle = np.median(misfit, axis=0)
    limit = np.float32(_LIMIT * 1.4826) * np.median(np.abs(misfit - middle), axis=0)
    plane = np.zeros((*ring.known.shape, 3), dtype=np.float32)
    plane[ring.known] = np.clip(misfit, middle - limit, middle + limit)
    return ring.to_full(membrane(ring.means(plane), ring.share > 0))
