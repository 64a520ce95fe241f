import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill import sections as module
from tasks.fill.holes import Hole, find_holes
from tasks.fill.prediction import RING_PX, Prediction
from tasks.fill.sections import gathered, joined, sections_of, split

SHAPE = (420, 900)


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE_PX", 1)


def tear(seed: int) -> Hole:
    """A stroke from one side of the image to the other."""
    rng = np.random.default_rng(seed)
    x = np.arange(-20, SHAPE[1] + 60, 60)
    y = np.clip(SHAPE[0] / 2 + np.cumsum(rng.normal(0, 30, len(x))), 0, SHAPE[0])
    mask = np.zeros(SHAPE, np.uint8)
    cv2.polylines(mask, [np.stack([x, y], axis=1).astype(np.int32)[:, None]], False, 1, int(rng.integers(1, 14)))
    return find_holes(mask.astype(bool), 0)[0]


def predicted(hole: Hole, values: np.ndarray) -> Prediction:
    """What is predicted of the image (H, W, 3), of a hole and its ring."""
    top, left = max(0, hole.y - RING_PX), max(0, hole.x - RING_PX)
    return Prediction(left, top, values[top : hole.y + hole.h + RING_PX, left : hole.x + hole.w + RING_PX])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_sections_cover_the_hole_and_nothing_else(seed: int) -> None:
    hole = tear(seed)
    sections = sections_of(hole)
    assert len(sections) > 1
    seen = np.zeros(SHAPE, int)
    for section in sections:
        seen[section.part.box] += section.part.own
    whole = np.zeros(SHAPE, bool)
    whole[hole.box] = hole.own
    assert ((seen > 0) == whole).all()
    assert max(section.part.w * section.part.h for section in sections) < 0.6 * hole.w * hole.h


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_what_is_split_is_gathered(seed: int, channels: int) -> None:
    hole = tear(seed)
    sections = sections_of(hole)
    values = np.random.default_rng(seed).random((hole.area, channels)).astype(np.float32)
    parts = split(hole, sections, values)
    assert [len(part) for part in parts] == [section.part.area for section in sections]
    assert np.abs(gathered(hole, sections, parts) - values).max() < 1e-6


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_predictions_come_apart_and_are_joined(seed: int) -> None:
    hole, image = tear(seed), np.random.default_rng(seed).random((*SHAPE, 3)).astype(np.float32)
    prediction, sections = predicted(hole, image), sections_of(hole)
    parts = [section.of(prediction) for section in sections]
    for section, part in zip(sections, parts, strict=True):
        assert (part.values == image[part.box]).all()
        assert (image[part.box][part.own(section.part)] == part.values[part.own(section.part)]).all()
    made = joined(hole, sections, parts, prediction, SHAPE)
    assert (made.x, made.y, made.values.shape) == (prediction.x, prediction.y, prediction.values.shape)
    near = cv2.distanceTransform((~made.own(hole)).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= RING_PX
    assert np.abs(made.values - prediction.values)[near].max() < 1e-5


def test_sections_that_differ_meet_without_a_step() -> None:
    hole, rng = tear(1), np.random.default_rng(0)
    prediction, sections = predicted(hole, np.full((*SHAPE, 3), 0.5, np.float32)), sections_of(hole)
    changed = []
    for section in sections:
        part = section.of(prediction)
        changed.append(Prediction(part.x, part.y, part.values + np.float32(rng.uniform(-0.2, 0.2))))
    made = joined(hole, sections, changed, prediction, SHAPE)
    own = made.own(hole)
    inside = own[:, 1:] & own[:, :-1]
    steps = np.abs(np.diff(made.values, axis=1)).max(axis=2)[inside]
    assert np.ptp(made.values[own]) > 0.1
    assert steps.max() < 0.05


def test_a_small_hole_and_a_thick_one_are_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    thick = Hole(10, 20, 300, 300, np.ones((300, 300), bool))
    thin = tear(2)
    monkeypatch.setattr(module, "LARGE_PX", thin.w * thin.h)
    for hole in (thick, thin):
        sections = sections_of(hole)
        assert [section.part for section in sections] == [hole]
        values = np.zeros((hole.area, 3), np.float32)
        assert split(hole, sections, values)[0] is values
        assert gathered(hole, sections, [values]) is values
        prediction = Prediction(hole.x, hole.y, np.zeros((hole.h, hole.w, 3), np.float32))
        assert sections[0].of(prediction) is prediction
        assert joined(hole, sections, [prediction], prediction, SHAPE) is prediction
