"""What a correction is to the filling, and how corrections are applied to predictions. The corrections: tasks/correct."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole
from tasks.fill.picture import Picture
from tasks.fill.prediction import RING_PX, Prediction

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]


class Correction(Protocol):
    """A step on one hole's fill as it is seen, before it is converted and composited."""

    def __call__(self, fill: Float, seen: Float, known: Bool, own: Bool) -> Float:
        """The corrected fill, (h, w, 3) float32 in [0, 1]; what is not the hole's `own` equals `fill`.

        fill (h, w, 3) float32 in [0, 1]: the generator's values, on known pixels too; seen (h, w, 3) float32 in [0, 1]:
        the picture where `known`, 0 elsewhere; known (h, w) bool: what is looked at around the hole, perhaps nothing;
        own (h, w) bool: the hole. Pixels that are neither are another hole's, or far away. Changes none of its
        arguments. One with nothing to say returns `fill` itself.
        """


def corrected(
    picture: Picture,
    mask: Bool,
    holes: Sequence[Hole],
    predictions: Sequence[Prediction],
    corrections: Mapping[str, Correction],
) -> list[tuple[Prediction, tuple[str, ...]]]:
    """Each prediction after all corrections, in their order, and the names of those that changed it. mask (H, W) bool."""
    if not corrections:
        return [(prediction, ()) for prediction in predictions]
    owns = [prediction.own(hole) for hole, prediction in zip(holes, predictions, strict=True)]
    rings = [_ring(picture, mask, own, prediction) for own, prediction in zip(owns, predictions, strict=True)]
    # Once for all: converting a few pixels costs as much as converting a thousand.
    stored = np.concatenate([picture.pixels[p.box][ring] for p, ring in zip(predictions, rings, strict=True)])
    ends = np.cumsum([np.count_nonzero(ring) for ring in rings])[:-1]
    parts = np.split(picture.colour.seen(stored[:, None])[:, 0], ends)
    found = []
    for prediction, own, ring, part in zip(predictions, owns, rings, parts, strict=True):
        seen = np.zeros_like(prediction.values)
        seen[ring] = part
        values, names = prediction.values, []
        for name, correct in corrections.items():
            changed = correct(values, seen, ring, own)
            if changed is not values:
                values = changed
                names.append(name)
        found.append((Prediction(prediction.x, prediction.y, values), tuple(names)))
    return found


def _ring(picture: Picture, mask: Bool, own: Bool, prediction: Prediction) -> Bool:
    """The known pixels around a hole, (h, w) bool."""
    ring = cv2.distanceTransform((~own).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3) <= RING_PX
    ring &= ~mask[prediction.box]
    missing = picture.missing(prediction.box)
    return ring if missing is None else ring & ~missing
