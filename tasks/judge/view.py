"""A hole and what is around it, as it is seen with one fill or another."""

from dataclasses import dataclass

import numpy as np

from tasks.fill.colour import Plain
from tasks.fill.holes import Hole
from tasks.fill.picture import Picture
from tasks.fill.prediction import Prediction
from tasks.judge.scene import REACH_PX, Bool, Float, Scene, scene_of


@dataclass(frozen=True)
class View:
    """The hole's box grown by `REACH_PX`, from the picture's pixel (`y`, `x`) on.

    seen (h, w, 3) float32 in [0, 1]: the picture where it is `known` (h, w) bool, 0 elsewhere; own (h, w) bool, the hole.
    """

    hole: Hole
    seen: Float
    known: Bool
    own: Bool
    y: int
    x: int

    def shown(self, fill: Prediction) -> Float:
        """The picture with the fill in the hole: (h, w, 3)."""
        result = self.seen.copy()
        result[self.own] = fill.values[fill.own(self.hole)]
        return result

    def scene(self, fill: Prediction) -> Scene:
        """What the measures look at, with the fill in the hole."""
        inner = Hole(self.hole.x - self.x, self.hole.y - self.y, self.hole.w, self.hole.h, self.hole.own)
        return scene_of(Picture(self.shown(fill), Plain()), ~self.known, inner)

    def change(self, fill: Prediction, plain: Prediction) -> float:
        """Root mean square difference of two fills, over the hole, in [0, 1]."""
        off = fill.values[fill.own(self.hole)] - plain.values[plain.own(self.hole)]
        return float(np.sqrt(np.mean(off**2, dtype=np.float64)))


def view_of(picture: Picture, mask: Bool, hole: Hole) -> View:
    """mask (H, W) bool: all holes."""
    top, left = max(0, hole.y - REACH_PX), max(0, hole.x - REACH_PX)
    bottom, right = min(mask.shape[0], hole.y + hole.h + REACH_PX), min(mask.shape[1], hole.x + hole.w + REACH_PX)
    box = slice(top, bottom), slice(left, right)
    known = ~mask[box]
    missing = picture.missing(box)
    if missing is not None:
        known &= ~missing
    seen = picture.colour.seen(picture.pixels[box]).copy()
    seen[~known] = 0
    own = np.pad(hole.own, ((hole.y - top, bottom - hole.y - hole.h), (hole.x - left, right - hole.x - hole.w)))
    return View(hole, seen, known, own, top, left)
