"""Pass `refine`: a large hole from coarse to fine, where each scale's features are optimised to agree with the coarser.

P. Kulshreshtha, B. Pugh, S. Jiddi, "Feature Refinement to Improve High Resolution Image Inpainting", CVPR workshops
2022, arXiv 2206.13644. As there at most three scales are made by whole-hole predictions, the first of them plain; what
lies above is `multiscale`'s, so that the result has the image's size, whatever that is. A scale that is too large for
one crop is refined in tiles: the coarser scale that all of them follow keeps them together.

Its steps do not bring a small generator all the way: what it still sees otherwise than the coarser scale is taken off deep
in the hole, where it sees nothing known (back-projection: M. Irani, S. Peleg, CVGIP 53, 1991).

A hole that the generator sees at native size has no finer scale to refine: it is `regions`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole
from tasks.fill.ladder import AROUND_PX, Paint, View
from tasks.fill.layer import half
from tasks.fill.multiscale import band, climbed, continued, share, suits
from tasks.fill.picture import Picture
from tasks.fill.prediction import Prediction

if TYPE_CHECKING:
    from tasks.fill.passes import Generator
    from tasks.fill.settings import FillSettings

__all__ = ["run", "suits"]

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

SCALES = 3  # at most, the first look among them
TRUST_PX = 192  # from a known pixel; further inside, a tile sees too little to be better than the coarser scale


def run(
    picture: Picture,
    mask: Bool,
    holes: Sequence[Hole],
    generator: Generator,
    settings: FillSettings,
) -> list[Prediction]:
    """See `passes.Pass`. Raises TypeError for a generator without `refine` when a hole needs it."""
    from tasks.fill.passes import Refining

    def refined(views: Sequence[View]) -> list[Float]:
        if not isinstance(generator, Refining):
            raise TypeError(f"{type(generator).__name__} cannot refine; models.refiner.RefiningEngine can")
        guides = [_guide(view) for view in views]
        made = generator.refine(
            [view.shown for view in views], [view.hole for view in views], guides, settings.refine_steps
        )
        return [_agreeing(values, view) for values, view in zip(made, views, strict=True)]

    features = Paint(_wanted, refined, _share)
    above = Paint(band, lambda views: continued(views, generator), share)
    return climbed(picture, mask, holes, generator, settings, [features] * (SCALES - 1) + [above])


def _guide(view: View) -> Float:
    """The coarser scale at half the size; NaN where it says nothing."""
    guide, silent = half(view.coarse), half(view.other.astype(np.float32)[:, :, None].repeat(3, axis=2))
    return np.where(silent > 0, np.float32(np.nan), guide)


def _agreeing(made: Float, view: View) -> Float:
    """The prediction, which at half its size is the coarser scale from AROUND_PX inside the hole on: (h, w, 3)."""
    height, width = view.hole.shape
    wrong = cv2.resize(half(view.coarse) - half(made), (width, height), interpolation=cv2.INTER_LINEAR)
    deep = np.where(view.hole & ~view.other, np.clip(view.depth / AROUND_PX, 0, 1), 0)
    return np.asarray(np.clip(made + deep[:, :, None] * wrong, 0, 1), dtype=np.float32)


def _wanted(view: View) -> Bool:
    return view.hole & ~view.other & (view.depth <= TRUST_PX)


def _share(view: View) -> Float:
    falling = np.clip(2 - 2 * view.depth / TRUST_PX, 0, 1)
    return np.where(view.hole, falling, 1).astype(np.float32)
