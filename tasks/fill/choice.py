"""What may choose among fills of a hole, to the filling; what does: tasks/judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole
from tasks.fill.picture import Picture
from tasks.fill.prediction import Prediction

if TYPE_CHECKING:
    from tasks.fill.passes import Generator
    from tasks.fill.settings import FillSettings


@dataclass(frozen=True)
class Choice:
    """The fill that was chosen for one hole, and how it was made.

    candidates: how many there were, at least 1. score: the error that is expected of it, score_plain: of the fill that is
    made where nobody chooses; above 0, lower is better, None where there was nothing to choose.
    """

    prediction: Prediction
    fill_pass: str
    corrections: tuple[str, ...]
    candidates: int = 1
    score: float | None = None
    score_plain: float | None = None


class Chooser(Protocol):
    """Makes other fills than the plain ones, and chooses."""

    def __call__(
        self,
        picture: Picture,
        mask: NDArray[np.bool_],
        holes: Sequence[Hole],
        fill_pass: str,
        predictions: Sequence[Prediction],
        generator: "Generator",
        settings: "FillSettings",
    ) -> list[Choice]:
        """For each hole what to fill it with: predictions are what `fill_pass` made of them. mask (H, W) bool: all holes.

        Nothing that is given may be changed, nor may what is under the mask be looked at.
        """
