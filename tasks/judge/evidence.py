"""What pseudo-holes say of candidates."""

import math
from collections.abc import Sequence

import numpy as np

from tasks.correct.settings import CorrectSettings
from tasks.fill.passes import Generator
from tasks.fill.settings import FillSettings
from tasks.judge.candidate import Candidate
from tasks.judge.filters import detail_distance, texture_distance
from tasks.judge.pseudo_holes import PseudoHole
from tasks.judge.trial import Trial
from tasks.judge.view import view_of

KINDS = ("texture", "detail", "square")
_LEAST = 1e-4


def evidence(
    pseudo: PseudoHole,
    fill_pass: str,
    plain: Candidate,
    candidates: Sequence[Candidate],
    generator: Generator,
    fill: FillSettings,
    correct: CorrectSettings,
) -> dict[Candidate, dict[str, float]]:
    """By candidate, the plain one among them, and by kind the logarithm of its error there, made as the hole's.

    Kinds: `texture`, `texture_distance` to the truth; `detail`, `detail_distance`; `square`, root mean square difference.
    A candidate whose pass does not suit the pseudo-hole is left out.
    """
    trial = Trial(pseudo.picture, pseudo.mask, pseudo.hole, fill_pass, generator, fill, correct)
    view = view_of(pseudo.picture, pseudo.mask, pseudo.hole)
    inside = slice(view.y, view.y + view.own.shape[0]), slice(view.x, view.x + view.own.shape[1])
    truth = np.where((view.known | view.own)[:, :, None], pseudo.truth[inside], 0).astype(np.float32)

    def errors(candidate: Candidate) -> dict[str, float]:
        shown = view.shown(trial(candidate)[0])
        square = float(np.sqrt(((shown - truth)[view.own] ** 2).mean(dtype=np.float64)))
        found = texture_distance(shown, truth, view.own), detail_distance(shown, truth, view.own), square
        return {kind: math.log(max(error, _LEAST)) for kind, error in zip(KINDS, found, strict=True)}

    return {each: errors(each) for each in dict.fromkeys((plain, *candidates)) if trial.suits(each)}
