import math

import cv2
import numpy as np
import pytest

from models.training.masks import masks_of
from tasks.fill.holes import find_holes
from tasks.fill.picture import plain_picture
from tasks.judge.blind import BLIND, blind, blind_holes
from tasks.judge.review import LEAST, MODEL, clues, predicted_error
from tests.tasks.judge.conftest import NAMES, photo


def test_it_looks_at_all_its_clues(whole) -> None:
    found = clues(whole, {name: getattr(blind(whole), name) for name in BLIND})
    assert set(found) == set(MODEL)
    assert found["depth_px"] == pytest.approx(math.log(whole.depth_px))
    for name in MODEL:
        assert predicted_error({**found, name: found[name] + 1}) != predicted_error(found)


def test_what_cannot_be_measured_says_nothing() -> None:
    average = {name: term.mean for name, term in MODEL.items()}
    for name in MODEL:
        assert predicted_error({**average, name: math.nan}) == pytest.approx(predicted_error(average))
    assert LEAST < predicted_error(dict.fromkeys(MODEL, math.nan)) < 1
    assert predicted_error({name: term.mean + 50 * term.deviation for name, term in MODEL.items()}) <= 1


def test_the_worst_tenth_comes_first() -> None:
    """Of pictures and of a filler that the model was not fitted to; a coin would get 0.5."""
    scores, errors = [], []
    for number, name in enumerate(NAMES):
        whole = (photo(name) * 255).astype(np.uint8)
        for part in range(4):
            rng = np.random.default_rng([3, number, part])
            y, x = (int(rng.integers(0, side - 224)) for side in whole.shape[:2])
            truth = np.ascontiguousarray(whole[y : y + 224, x : x + 224])
            kind = ("thin", "medium", "thick")[part % 3]
            mask = masks_of({kind: 1}, 224, 0.02, 0.5)(truth.shape[:2], rng)
            filled = cv2.inpaint(truth, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)
            holes = find_holes(mask, 8)
            for hole, found in zip(holes, blind_holes(plain_picture(filled, mask), mask, holes), strict=True):
                off = (filled[hole.box].astype(float) - truth[hole.box])[hole.own]
                scores.append(found.predicted_error)
                errors.append(float(np.sqrt((off**2).mean())))
    worst = np.asarray(errors) >= np.quantile(errors, 0.9)
    high, low = np.asarray(scores)[worst], np.asarray(scores)[~worst]
    assert len(scores) >= 40
    assert (high[:, None] > low).mean() >= 0.8
