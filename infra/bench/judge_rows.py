"""What the judge sees of candidates whose truth is known: rows for `judge.py` beside this file."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flows.settings import compose
from models.engine import Engine
from models.training.masks import masks_of
from models.training.photos import Photos
from tasks.fill.fill import choose_pass
from tasks.fill.holes import Hole, find_holes
from tasks.fill.mask import dilate
from tasks.fill.picture import plain_picture
from tasks.judge.candidate import Candidate, parsed
from tasks.judge.choice import Judge
from tasks.judge.clues import of_fill
from tasks.judge.evidence import evidence
from tasks.judge.feature import FeatureDistance
from tasks.judge.pseudo_holes import pseudo_holes
from tasks.judge.trial import Trial
from tasks.judge.view import view_of

MASKED = 0.18, 0.4
AROUND_PX = 32  # of the hole's box, in which the feature distance is taken
LEAST_PX, MOST_PX = 400, 40_000  # holes that are measured
SEED = 11
Row = dict[str, Any]


def write_rows(
    photos: Photos,
    numbers: Sequence[int],
    candidates: Sequence[str],
    encoder: Path,
    out: Path,
    pseudo: int,
    model: str = "lama-small",
) -> None:
    """A line of JSON for each hole of the photos of these numbers; those that `out` holds already are left out."""
    done = {json.loads(line)["photo"] for line in out.read_text().splitlines()} if out.is_file() else set()
    engine, distance = Engine(model, threads=1), FeatureDistance(encoder)
    for number in numbers:
        if number not in done:
            rows = list(of_photo(photos[number], number, [parsed(c) for c in candidates], engine, distance, pseudo))
            with out.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
            print(f"photo {number}: {len(rows)} holes", file=sys.stderr, flush=True)


def of_photo(
    truth: np.ndarray[Any, np.dtype[np.uint8]],
    number: int,
    candidates: Sequence[Candidate],
    engine: Engine,
    distance: FeatureDistance,
    pseudo: int,
) -> Iterator[Row]:
    """A row for each hole: its clues and errors by candidate, the plain fill's first."""
    settings = compose("best")
    shape = (truth.shape[0], truth.shape[1])
    core = masks_of({"medium": 1}, max(shape), *MASKED)(shape, np.random.default_rng([SEED, number]))
    mask = dilate(core, settings.mask.dilate_px)
    damaged = np.where(mask[:, :, None], np.uint8(127), truth)
    picture = plain_picture(damaged, mask)
    expected = truth / np.float32(255)
    for place, hole in enumerate(find_holes(mask, settings.fill.merge_px)):
        if not LEAST_PX <= hole.area <= MOST_PX:
            continue
        fill_pass = choose_pass(hole, shape, settings.fill)
        trial = Trial(picture, mask, hole, fill_pass, engine, settings.fill, settings.correct)
        plain = Judge(settings.judge, settings.correct).plain(fill_pass)
        tried = [plain, *(c for each in candidates if (c := each.by(fill_pass)) != plain and trial.suits(c))]
        view = view_of(picture, mask, hole)
        found = []
        for candidate in tried:
            fill, _ = trial(candidate)
            found.append(
                {
                    "candidate": candidate.label,
                    "clues": of_fill(view.scene(fill)),
                    "change": view.change(fill, trial(plain)[0]),
                    "evidence": [],
                    **errors(fill.values[fill.own(hole)], expected, hole, distance),
                }
            )
        for each in pseudo_holes(picture, mask, hole, trial(plain)[0], pseudo):
            says = evidence(each, fill_pass, plain, tried, engine, settings.fill, settings.correct)
            for row, candidate in zip(found, tried, strict=True):
                row["evidence"].append(says.get(candidate))
        yield {"photo": number, "hole": place, "area": hole.area, "pass": fill_pass, "candidates": found}


def errors(values: np.ndarray[Any, Any], truth: np.ndarray[Any, Any], hole: Hole, distance: FeatureDistance) -> Row:
    """Root mean square error and feature distance, both over the hole's pixels; all other holes are as in the truth."""
    rows = slice(max(0, hole.y - AROUND_PX), hole.y + hole.h + AROUND_PX)
    columns = slice(max(0, hole.x - AROUND_PX), hole.x + hole.w + AROUND_PX)
    filled = truth.copy()
    filled[hole.box][hole.own] = values
    off = filled[hole.box][hole.own] - truth[hole.box][hole.own]
    part = truth[rows, columns]
    far = distance(filled[rows, columns], part) * part.shape[0] * part.shape[1] / hole.area
    return {"rmse": float(np.sqrt((off**2).mean())), "feature": far}
