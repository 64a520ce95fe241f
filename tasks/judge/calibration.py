"""Calibration: which candidates are worth trying for an archive, by pseudo-holes in its own pictures."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from tasks.fill.fill import choose_pass
from tasks.fill.holes import find_holes
from tasks.fill.passes import Generator
from tasks.fill.picture import Picture
from tasks.fill.settings import FillSettings
from tasks.judge.candidate import parsed
from tasks.judge.choice import Judge
from tasks.judge.evidence import evidence
from tasks.judge.pseudo_holes import pseudo_holes
from tasks.judge.scene import Bool
from tasks.judge.trial import Trial

LEAST_GAIN = 0.002  # of the mean logarithm of the error, by which a further candidate has to lower it
SEEN = 0.05  # a change of the error by less is none


@dataclass(frozen=True)
class Tried:
    """One candidate on one pseudo-hole: error over the plain fill's, as a logarithm, below 0 is better.

    The error is the geometric mean of `texture_distance` and `detail_distance` to the truth. It ranks, and flatters: on 70
    holes of photographs it was 0.65 of the plain fill's for `patches`, where the feature distance was 0.85. Area in pixels.
    """

    hole: int
    pseudo: int
    area: int
    fill_pass: str
    candidate: str
    ratio: float

    def columns(self) -> dict[str, float | str]:
        """By name."""
        return asdict(self)


@dataclass(frozen=True)
class Standing:
    """How a candidate did: on how many pseudo-holes; `ratio`, its mean error over the plain fill's (geometric), with the
    `deviation` of the mean of its logarithm; shares of `better` and `worse` by more than 5 %; how often the `best`."""

    candidate: str
    holes: int
    ratio: float
    deviation: float
    better: float
    worse: float
    best: int


def tried(picture: Picture, mask: Bool, judge: Judge, generator: Generator, settings: FillSettings) -> list[Tried]:
    """All candidates of the judge's settings on the pseudo-holes of all holes of a picture; mask (H, W) bool."""
    found = []
    shape = (mask.shape[0], mask.shape[1])
    for number, hole in enumerate(find_holes(mask, settings.merge_px)):
        if hole.area < judge.settings.min_px:
            continue
        fill_pass = choose_pass(hole, shape, settings)
        plain = judge.plain(fill_pass)
        trial = Trial(picture, mask, hole, fill_pass, generator, settings, judge.correct)
        asked = dict.fromkeys(parsed(text).by(fill_pass) for text in judge.settings.candidates)
        laid = pseudo_holes(picture, mask, hole, trial(plain)[0], judge.settings.pseudo_holes)
        for place, each in enumerate(laid):
            says = evidence(each, fill_pass, plain, list(asked), generator, settings, judge.correct)
            for candidate in (c for c in asked if c in says and c != plain):
                ratio = sum(says[candidate][kind] - says[plain][kind] for kind in ("texture", "detail")) / 2
                found.append(Tried(number, place, each.hole.area, fill_pass, candidate.label, ratio))
    return found


def standings(trials: Iterable[tuple[str, Tried]]) -> list[Standing]:
    """By candidate, the lowest ratio first; trials with the item that they are of."""
    by_place: dict[tuple[str, int, int], dict[str, float]] = {}
    for item, each in trials:
        by_place.setdefault((item, each.hole, each.pseudo), {})[each.candidate] = each.ratio
    ratios: dict[str, list[float]] = {}
    wins: dict[str, int] = {}
    for found in by_place.values():
        for candidate, ratio in found.items():
            ratios.setdefault(candidate, []).append(ratio)
        best = min(found, key=lambda name: (found[name], name))
        wins[best] = wins.get(best, 0) + (found[best] < 0)
    made = [_standing(name, np.array(values), wins.get(name, 0)) for name, values in ratios.items()]
    return sorted(made, key=lambda each: (each.ratio, each.candidate))


def worth_trying(trials: Sequence[tuple[str, Tried]]) -> list[str]:
    """Which candidates to try, in order: each lowers the mean error of the best choice the most, as long as one does.

    Greedy, which for a gain like this is within 1 − 1/e of the best set (G. Nemhauser et al., Math. Programming 14, 1978).
    """
    places = sorted({(item, each.hole, each.pseudo) for item, each in trials})
    names = sorted({each.candidate for _, each in trials})
    gains = np.zeros((len(names), len(places)))
    index = {place: number for number, place in enumerate(places)}
    for item, each in trials:
        gains[names.index(each.candidate), index[item, each.hole, each.pseudo]] = max(-each.ratio, 0.0)
    chosen: list[str] = []
    so_far = np.zeros(len(places))
    while len(chosen) < len(names):
        more = np.maximum(gains, so_far).mean(axis=1) - so_far.mean()
        if more.max() < LEAST_GAIN:
            break
        # Of what is as good, the simplest.
        equal = np.flatnonzero(more >= more.max() - LEAST_GAIN / 2)
        best = min((int(number) for number in equal), key=lambda number: (len(names[number]), names[number]))
        chosen.append(names[best])
        so_far = np.maximum(so_far, gains[best])
    return chosen


def _standing(name: str, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], best: int) -> Standing:
    count = len(values)
    deviation = float(values.std(ddof=1) / math.sqrt(count)) if count > 1 else math.nan
    better, worse = (float((sign * values > math.log(1 + SEEN)).mean()) for sign in (-1, 1))
    return Standing(name, count, math.exp(float(values.mean())), deviation, better, worse, best)
