"""Fit the model of `tasks/judge/review.py` to holes whose truth is known, and say how well it ranks others.

    python infra/bench/review.py PHOTOS [--model lama-small] [--masks thin,medium,thick] [--rows FILE]

Photos are damaged by seeded masks, filled by the recipe `balanced` and measured. The model is fitted to every second
photo; AUC is of the others: how often a hole of the worst tenth by true error comes before one that is not of it.
Prints JSON; `model` and `intercept` are what belongs into the file.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np

from flows.settings import compose
from models.engine import Engine
from models.training.masks import masks_of
from models.training.photos import Photos
from tasks.correct.corrections import chosen
from tasks.fill.fill import fill_image
from tasks.fill.picture import plain_picture
from tasks.judge.blind import BLIND, blind
from tasks.judge.review import clues
from tasks.judge.scene import scene_of

RIDGE = 3.0
WORST = 0.1
Row = dict[str, float]


def measured(photos: Photos, kinds: list[str], model: str, seed: int = 7) -> list[Row]:
    """A row for each hole: clues, `rmse`, `photo`, `kind` (number), as floats."""
    settings = compose("balanced", model=model)
    engine = Engine(model, threads=1)
    rows = []
    for number, truth in enumerate(photos):
        for k, kind in enumerate(kinds):
            shape = (truth.shape[0], truth.shape[1])
            core = masks_of({kind: 1}, max(shape), 0.0, 0.5)(shape, np.random.default_rng([seed, number, k]))
            done = fill_image(truth, core, engine, settings.mask, settings.fill, corrections=chosen(settings.correct))
            filled, expected = (p.astype(np.float32) / np.float32(255) for p in (done.pixels, truth))
            for each in done.holes:
                scene = scene_of(plain_picture(done.pixels, done.mask), done.mask, each.hole)
                found = blind(scene)
                off = (filled[each.hole.box] - expected[each.hole.box])[each.hole.own]
                named = clues(scene, {name: getattr(found, name) for name in BLIND})
                rows.append({**named, "rmse": float(np.sqrt((off**2).mean())), "photo": number, "kind": k})
        print(f"{number + 1}/{len(photos)}", file=sys.stderr)
    return rows


def fitted(rows: list[Row], names: list[str]) -> tuple[float, dict[str, dict[str, float]]]:
    """Intercept and, by clue, mean, deviation and weight: ridge regression of log(rmse)."""
    values = np.array([[row[name] for name in names] for row in rows])
    mean, deviation = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    terms = np.nan_to_num((values - mean) / deviation)
    error = np.log(np.maximum([row["rmse"] for row in rows], 1e-4))
    weights = np.linalg.solve(terms.T @ terms + RIDGE * np.eye(len(names)), terms.T @ (error - error.mean()))
    model = {
        name: {"mean": round(float(m), 4), "deviation": round(float(d), 4), "weight": round(float(w), 4)}
        for name, m, d, w in zip(names, mean, deviation, weights, strict=True)
    }
    return round(float(error.mean()), 4), model


def predicted(row: Row, intercept: float, model: dict[str, dict[str, float]]) -> float:
    """Logarithm of the expected error."""
    parts = [t["weight"] * (row[n] - t["mean"]) / t["deviation"] for n, t in model.items() if not math.isnan(row[n])]
    return intercept + sum(parts)


def auc(scores: list[float], errors: list[float]) -> float:
    """Chance that one of the worst tenth has a higher score than one that is not of it."""
    bad = np.asarray(errors) >= np.quantile(errors, 1 - WORST)
    high, low = np.asarray(scores)[bad], np.asarray(scores)[~bad]
    return round(float((high[:, None] > low).mean() + (high[:, None] == low).mean() / 2), 3)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", default="lama-small")
    parser.add_argument("--masks", default="thin,medium,thick")
    parser.add_argument("--rows", type=Path, help="keep what was measured in this file, and take it from there")
    args = parser.parse_args()
    kinds = args.masks.split(",")
    if args.rows and args.rows.is_file():
        rows = json.loads(args.rows.read_text())
    else:
        rows = measured(Photos(args.photos), kinds, args.model)
        if args.rows:
            args.rows.write_text(json.dumps(rows))
    names = [name for name in rows[0] if name not in ("rmse", "photo", "kind")]
    halves = [[row for row in rows if row["photo"] % 2 == half] for half in (0, 1)]
    report: dict[str, object] = {"holes": len(rows)}
    for number, (ours, theirs) in enumerate((halves, halves[::-1])):
        intercept, model = fitted(ours, names)
        if number == 0:
            report |= {"intercept": intercept, "model": model}
        said = {"all": theirs} | {kind: [r for r in theirs if r["kind"] == k] for k, kind in enumerate(kinds)}
        report[f"auc, fitted to half {number + 1}, of the other"] = {
            name: auc([predicted(r, intercept, model) for r in part], [r["rmse"] for r in part])
            for name, part in said.items()
        }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
