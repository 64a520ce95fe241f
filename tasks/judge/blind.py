"""The measures without truth of one hole, and of an item: what the columns of `holes/` and `results/` hold."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from tasks.fill.holes import Hole
from tasks.fill.passes import Generator
from tasks.fill.picture import Picture
from tasks.judge.coherence import coherence
from tasks.judge.colour_shift import colour_shift
from tasks.judge.consistency import self_consistency
from tasks.judge.review import clues, predicted_error
from tasks.judge.scene import Bool, Scene, scene_of
from tasks.judge.seam import seam
from tasks.judge.texture import grain_ratio, sharpness_ratio

BLIND = ("seam", "coherence", "colour_shift", "sharpness_ratio", "grain_ratio", "self_consistency")


@dataclass(frozen=True)
class Blind:
    """Each as its function says; NaN where there is nothing to compare, `self_consistency` also where it was not asked for.

    `predicted_error`: see `review.predicted_error`; `area` in pixels is the weight in means.
    """

    seam: float
    coherence: float
    colour_shift: float
    sharpness_ratio: float
    grain_ratio: float
    self_consistency: float
    predicted_error: float
    area: int

    def columns(self) -> dict[str, float | None]:
        """By column name, null for NaN."""
        return {key: _nullable(value) for key, value in asdict(self).items() if key != "area"}


def blind(scene: Scene, generator: Generator | None = None) -> Blind:
    """All measures of one hole; with a generator also `self_consistency`, which costs as much as filling twice."""
    found = {
        "seam": seam(scene),
        "coherence": coherence(scene),
        "colour_shift": colour_shift(scene),
        "sharpness_ratio": sharpness_ratio(scene),
        "grain_ratio": grain_ratio(scene),
    }
    return Blind(
        **found,
        self_consistency=math.nan if generator is None else self_consistency(scene, generator),
        predicted_error=predicted_error(clues(scene, found)),
        area=scene.area,
    )


def blind_holes(picture: Picture, mask: Bool, holes: Sequence[Hole], generator: Generator | None = None) -> list[Blind]:
    """Of every hole of a filled picture, one after the other; mask (H, W) bool: all holes."""
    return [blind(scene_of(picture, mask, hole), generator) for hole in holes]


def of_item(found: Sequence[Blind]) -> dict[str, float | None]:
    """The columns of an item: means of its holes by area, nulls left out, and `needs_review`.

    needs_review: the largest `predicted_error` of its holes, since one bad hole is enough; sort by it, descending, and a
    person sees the worst first. Null where no hole was measured.
    """
    columns: dict[str, float | None] = {}
    for name in BLIND:
        values = np.array([getattr(each, name) for each in found], dtype=np.float64)
        areas = np.array([each.area for each in found], dtype=np.float64)
        there = ~np.isnan(values)
        columns[name] = float(np.average(values[there], weights=areas[there])) if there.any() else None
    errors = [each.predicted_error for each in found if not math.isnan(each.predicted_error)]
    columns["needs_review"] = max(errors, default=None)
    return columns


def _nullable(value: float) -> float | None:
    return None if math.isnan(value) else value
