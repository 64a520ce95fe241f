"""The registry of passes. A new pass is one new file in this folder and one line here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tasks.fill import multiscale, refine, regions, whole
from tasks.fill.holes import Hole
from tasks.fill.patches import guided
from tasks.fill.picture import Picture
from tasks.fill.prediction import Prediction
from tasks.fill.settings import FillSettings

Float = NDArray[np.float32]


class Generator(Protocol):
    """What a pass needs of a network; `models.engine.Engine` is one."""

    def fill(self, crops: Sequence[Float], masks: Sequence[NDArray[np.bool_]]) -> list[Float]:
        """crops (H, W, 3) float32 in [0, 1], masks (H, W) bool -> predictions (H, W, 3) float32, in the same order."""


@runtime_checkable
class Refining(Generator, Protocol):
    """What the pass `refine` needs of a network; `models.refiner.RefiningEngine` is one."""

    def refine(
        self, crops: Sequence[Float], masks: Sequence[NDArray[np.bool_]], guides: Sequence[Float], steps: int
    ) -> list[Float]:
        """As `fill`, but agreeing with coarser predictions: guides (h, w, 3) float32 in [0, 1], NaN: says nothing."""


@dataclass(frozen=True)
class Pass:
    """One way to make a fill.

    `suits(hole, shape, settings)`: whether it is a good way for this hole of an image of shape (H, W).
    `run(picture, mask, holes, generator, settings)`: for each hole what the generator made of its box and of the pixels
    around it, as it is seen.
    """

    suits: Callable[[Hole, tuple[int, int], FillSettings], bool]
    run: Callable[[Picture, NDArray[np.bool_], Sequence[Hole], Generator, FillSettings], list[Prediction]]


PASSES: dict[str, Pass] = {
    "whole": Pass(whole.suits, whole.run),
    "regions": Pass(regions.suits, regions.run),
    "multiscale": Pass(multiscale.suits, multiscale.run),
    "refine": Pass(refine.suits, refine.run),
    "patches": Pass(guided.suits, guided.run),
}
