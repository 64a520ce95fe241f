"""Fit what the judge expects to holes whose truth is known, and say how well it chooses for others.

    python infra/bench/judge.py PHOTOS --encoder FILE --rows FILE [--count 40] [--write]

Photos are damaged by seeded masks (medium, 18 to 40 %) and filled by the recipe `best` without its judge, and by the judge's
candidates; the truth is the feature distance over a hole's pixels. ROWS keeps what was measured (a quarter of a minute of
one core for each hole) and is gone on with. The models are fitted to every second photo, all figures are of the others.
Prints JSON; `--write` puts the models into `tasks/judge/expected.json`. Exit code 1 when a figure misses its bound.

rank correlation: Spearman's, of the expected and the true error of all fills of all holes. tau: Kendall's among the fills
of one hole, mean over holes. closed: how much of the mean distance between plain fills and the best of each hole is won by
choosing. worse: share of holes whose error rises by more than 5 %.
"""

import argparse
import json
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from judge_rows import Row, write_rows
from scipy.stats import kendalltau, spearmanr

from models.training.photos import Photos
from tasks.correct.corrections import CORRECTIONS
from tasks.judge.candidate import parsed
from tasks.judge.clues import of_change, of_level
from tasks.judge.expected import DATA, Model, Models
from tasks.judge.settings import JudgeSettings

RIDGES = (30.0, 100.0, 300.0)  # holes are few, and less lets the models say what only these holes say
MOST_LOG = 0.7  # a ratio beyond e^0.7 weighs no more
BOUNDS = {"rank_correlation": 0.6, "tau": 0.2, "closed": 0.3}
MOST_WORSE = 0.05
Clues = dict[str, float]
Tree = dict[str, Any]


def changes(hole: Row, evidence: bool) -> list[tuple[str, Clues, float]]:
    """Of the fills of a hole that differ from its plain one: label, clues, logarithm of the error over the plain one's."""
    plain, *others = hole["candidates"]
    first = parsed(plain["candidate"]).by(hole["pass"])
    found = []
    for each in (other for other in others if other["change"] > 0):
        told = zip(plain["evidence"], each["evidence"], strict=True) if evidence else ()
        pairs = [pair for pair in told if None not in pair]
        made = parsed(each["candidate"]).by(hole["pass"])
        clues = of_change(first, made, plain["clues"], each["clues"], pairs)
        found.append((each["candidate"], clues, math.log(each["feature"] / plain["feature"])))
    return found


def level_of(hole: Row, evidence: bool) -> Clues:
    """The clues of a hole's plain fill."""
    plain = hole["candidates"][0]
    return of_level(plain["clues"], plain["evidence"] if evidence else ())


@dataclass(frozen=True)
class Sample:
    """What a model is told of one fill, and what it is to say: a logarithm. Those of one hole share a weight of 1."""

    photo: int
    clues: Clues
    target: float
    weight: float = 1.0


def levels(holes: Sequence[Row], evidence: bool) -> list[Sample]:
    """The error of plain fills."""
    return [Sample(h["photo"], level_of(h, evidence), math.log(h["candidates"][0]["feature"])) for h in holes]


def gains(holes: Sequence[Row], evidence: bool) -> list[Sample]:
    """The error of candidates over that of the plain fill; what is far off weighs no more than `MOST_LOG`."""
    found = []
    for hole in holes:
        made = changes(hole, evidence)
        found += [
            Sample(hole["photo"], clues, float(np.clip(ratio, -MOST_LOG, MOST_LOG)), 1 / len(made))
            for _, clues, ratio in made
        ]
    return found


def fit(samples: Sequence[Sample], intercept: bool) -> Tree:
    """A ridge regression, its penalty found by leaving out a quarter of the photos at a time."""
    photos = sorted({sample.photo for sample in samples})
    folds = [set(photos[start::4]) for start in range(4)]

    def miss(ridge: float) -> float:
        total = 0.0
        for fold in folds:
            model = Model.of(fitted([s for s in samples if s.photo not in fold], ridge, intercept))
            total += sum(s.weight * (model(s.clues) - s.target) ** 2 for s in samples if s.photo in fold)
        return total

    ridge = min(RIDGES, key=miss)
    return fitted(samples, ridge, intercept) | {"ridge": ridge}


def fitted(samples: Sequence[Sample], ridge: float, intercept: bool) -> Tree:
    """Without an intercept, differences: they have no mean, what is equal changes nothing."""
    names = sorted({name for s in samples for name, value in s.clues.items() if not math.isnan(value)})
    values = np.array([[s.clues.get(name, math.nan) for name in names] for s in samples])
    target = np.array([s.target for s in samples])
    share = np.array([s.weight for s in samples])
    share = share / share.mean()
    mean = np.nanmean(values, axis=0) * intercept
    deviation = np.sqrt(np.nanmean((values - mean) ** 2, axis=0))
    deviation[~(deviation > 1e-6)] = 1
    terms = np.nan_to_num((values - mean) / deviation)
    middle = float(np.average(target, weights=share)) if intercept else 0.0
    normal = terms.T @ (terms * share[:, None]) + ridge * np.eye(len(names))
    found = np.linalg.solve(normal, terms.T @ (share * (target - middle)))
    rounded = zip(mean.round(4), deviation.round(4), found.round(4), strict=True)
    return {
        "intercept": round(middle, 4),
        "terms": {n: [float(v) for v in t] for n, t in zip(names, rounded, strict=True)},
    }


def judged(holes: Sequence[Row], models: Models, evidence: bool, margin: float) -> dict[str, float]:
    """How well the models rank and choose; see the module."""
    expected, true, taus = [], [], []
    plain_sum = best_sum = chosen_sum = 0.0
    worse = better = 0
    for hole in holes:
        first = hole["candidates"][0]
        base = models.level(level_of(hole, evidence))
        found = changes(hole, evidence)
        says = [0.0, *(models.change(clues) for _, clues, _ in found)]
        is_ = [0.0, *(ratio for *_, ratio in found)]
        expected += [base + each for each in says]
        true += [math.log(first["feature"]) + each for each in is_]
        if len(is_) > 2:
            taus.append(float(kendalltau(says, is_)[0]))
        pick = int(np.argmin(says))
        ratio = math.exp(is_[pick]) if says[pick] < math.log(1 - margin) else 1.0
        weight = first["feature"] * hole["area"]
        plain_sum, best_sum = plain_sum + weight, best_sum + weight * math.exp(min(is_))
        chosen_sum += weight * ratio
        worse += ratio > 1.05
        better += ratio < 0.95
    return {
        "holes": len(holes),
        "rank_correlation": round(float(spearmanr(expected, true)[0]), 3),
        "tau": round(float(np.nanmean(taus)), 3),
        "closed": round((plain_sum - chosen_sum) / max(plain_sum - best_sum, 1e-12), 3),
        "feature_ratio": round(chosen_sum / plain_sum, 4),
        "best_ratio": round(best_sum / plain_sum, 4),
        "worse": round(worse / len(holes), 3),
        "better": round(better / len(holes), 3),
    }


def by_candidate(holes: Sequence[Row]) -> dict[str, dict[str, float]]:
    """For each candidate: on how many holes, its mean error over the plain fill's (geometric), how often it is the best."""
    ratios: dict[str, list[float]] = {}
    wins: dict[str, int] = {}
    for hole in holes:
        found = changes(hole, False)
        for label, _, ratio in found:
            ratios.setdefault(label, []).append(ratio)
        best = min(found, key=lambda each: each[2], default=None)
        if best and best[2] < 0:
            wins[best[0]] = wins.get(best[0], 0) + 1
    return {
        label: {"holes": len(each), "ratio": round(math.exp(float(np.mean(each))), 3), "best": wins.get(label, 0)}
        for label, each in ratios.items()
    }


def report(holes: Sequence[Row], margin: float) -> tuple[Tree, Tree]:
    """The models, fitted to even photos, and the figures, of odd ones."""
    ours, theirs = ([h for h in holes if h["photo"] % 2 == half] for half in (0, 1))
    models: Tree = {}
    figures: Tree = {}
    for name, evidence in (("blind", False), ("pseudo_holes", True)):
        models[name] = {"level": fit(levels(ours, evidence), True), "change": fit(gains(ours, evidence), False)}
        both = Models(Model.of(models[name]["level"]), Model.of(models[name]["change"]))
        figures[name] = judged(theirs, both, evidence, margin)
    return models, {"fitted_to": len(ours), **figures, "candidates": by_candidate(theirs)}


def kept(figures: dict[str, float]) -> bool:
    """Whether every bound is kept."""
    return figures["worse"] <= MOST_WORSE and all(figures[name] >= least for name, least in BOUNDS.items())


def as_text(tree: Tree) -> str:
    """JSON with a line for each term."""
    text = json.dumps(tree, indent=1, ensure_ascii=False)
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m.group(1)) + "]", text) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument(
        "--encoder", type=Path, required=True, help="weights of the network `vgg19` that tells the truth"
    )
    parser.add_argument("--rows", type=Path, required=True, help="what was measured; gone on with")
    parser.add_argument("--count", type=int, default=40, help="of the photos, the first so many")
    parser.add_argument("--pseudo", type=int, default=JudgeSettings().pseudo_holes)
    parser.add_argument("--margin", type=float, default=JudgeSettings().margin)
    parser.add_argument("--candidates", default=";".join(JudgeSettings().candidates), help="separated by semicolons")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    photos = Photos(args.photos)
    numbers = range(min(args.count, len(photos)))
    write_rows(photos, numbers, args.candidates.split(";"), args.encoder, args.rows, args.pseudo)
    holes = [json.loads(line) for line in args.rows.read_text().splitlines()]
    models, figures = report(holes, args.margin)
    how = {
        "command": "python infra/bench/judge.py",
        "photos": f"{len({h['photo'] for h in holes})} of {args.photos.name}, every second",
        "holes": figures["fitted_to"],
        "plain": "the recipe `best` without its judge",
        "corrections": sorted(CORRECTIONS),
        "others": {name: figures[name] for name in ("blind", "pseudo_holes")},
    }
    if args.write:
        DATA.write_text(as_text({"how": how, **models}), "utf-8")
    print(json.dumps(figures, indent=1))
    sys.exit(int(not kept(figures["pseudo_holes"])))


if __name__ == "__main__":
    main()
