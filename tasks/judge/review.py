"""`needs_review`: which fills a person should look at first, by the error that is expected without knowing the truth.

A linear model of the logarithm of the error, fitted to holes whose truth is known (ridge regression, standardised clues)
by `python infra/bench/review.py PHOTOS`, whose output `MODEL` is. Colour, sharpness and grain are not in it: what they see
shows, but adds nothing to what the others say of the error.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tasks.judge.scene import REACH_PX, Scene

LOGARITHMIC = ("depth_px", "ring_edges", "ring_spread", "seam")
LEAST = 1e-4  # what is below counts as this


@dataclass(frozen=True)
class Term:
    """One clue of the model: its mean and standard deviation over the holes it was fitted to, and its weight."""

    mean: float
    deviation: float
    weight: float


INTERCEPT = -2.1604
MODEL = {
    "depth_px": Term(2.3699, 0.7205, 0.1983),
    "ring_edges": Term(-3.1468, 0.6779, 0.4463),
    "ring_spread": Term(-1.727, 0.4777, 0.1395),
    "seam": Term(-0.0944, 0.1464, 0.1033),
    "coherence": Term(0.5512, 0.0684, -0.1318),
}


def clues(scene: Scene, measures: Mapping[str, float]) -> dict[str, float]:
    """What the model looks at: how far the truth is, how much happens around the hole, and measures without truth.

    depth_px: see `Scene`; ring_edges: mean gradient of the ring per pixel; ring_spread: standard deviation of its colours.
    Logarithms where values span decades; NaN where there is no ring.
    """
    ring = scene.ring
    near = scene.known & (scene.outside_px <= REACH_PX)
    found = {
        "depth_px": scene.depth_px,
        "ring_edges": float(scene.edges[ring].mean()) if ring.any() else math.nan,
        "ring_spread": float(np.sqrt(scene.seen[near].var(axis=0).mean())) if near.any() else math.nan,
        "seam": measures["seam"],
        "coherence": measures["coherence"],
    }
    # max keeps a NaN that comes first
    return {name: math.log(max(value, LEAST)) if name in LOGARITHMIC else value for name, value in found.items()}


def predicted_error(found: Mapping[str, float]) -> float:
    """Root mean square error that is expected of the fill of such a hole, in [0, 1] of the range of RGB; lower is better.

    found: of `clues`; one that is NaN says nothing. It ranks: the figure itself is right for fills like those that the
    model was fitted to (photographs, lama-small), and never sees whether what a fill shows makes sense.
    """
    total = INTERCEPT
    for name, term in MODEL.items():
        value = found[name]
        if not math.isnan(value):
            total += term.weight * (value - term.mean) / term.deviation
    return min(1.0, math.exp(total))
