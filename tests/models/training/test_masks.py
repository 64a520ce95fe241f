from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.training.masks import Mixture, masks_of, stroke_masks, training_masks
from models.training.shapes import Boxes

KINDS = ["strokes", "boxes", "thin", "medium", "thick", "polygons", "scratches", "dust", "text"]


def draw(drawer, shape=(96, 128), seed=0):
    return drawer(shape, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_means_the_same_mask_again(kind):
    drawer = masks_of({kind: 1}, 128)
    first = draw(drawer)
    assert first.shape == (96, 128) and first.dtype == bool and first.any()
    assert np.array_equal(first, draw(drawer))
    assert any(not np.array_equal(first, draw(drawer, seed=seed)) for seed in range(1, 5))


def test_kinds_are_drawn_by_weight():
    """Boxes against dust: told apart by how many pieces they have."""
    mixture = masks_of({"boxes": 3.0, "dust": 1.0, "text": 0.0}, 256)
    masks = [draw(mixture, (256, 256), seed).astype(np.uint8) for seed in range(200)]
    pieces = np.array([cv2.connectedComponents(mask)[0] - 1 for mask in masks])
    assert np.mean(pieces > 4) == pytest.approx(0.25, abs=0.08)


def test_training_masks_are_strokes_and_boxes_in_equal_parts():
    one, two = training_masks(128), masks_of({"strokes": 1, "boxes": 1}, 128)
    assert one == two
    assert one.weights == (1, 1)


@pytest.mark.parametrize("size", ["thin", "medium", "thick"])
def test_limits_hold(size):
    drawer = stroke_masks(size, 256, min_masked=0.1, max_masked=0.4)
    assert all(0.1 <= draw(drawer, (256, 200), seed).mean() <= 0.4 for seed in range(20))


def test_what_cannot_be_drawn_is_an_error():
    with pytest.raises(ValueError, match="no mask"):
        draw(Mixture((Boxes(),), (1,), min_masked=0.999))
    with pytest.raises(ValueError, match="weight above 0"):
        masks_of({"dust": 0}, 128)
    for make in (lambda: stroke_masks("enormous", 256), lambda: masks_of({"enormous": 1}, 256)):
        with pytest.raises(KeyError):
            make()
