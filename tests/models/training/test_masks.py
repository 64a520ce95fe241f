from __future__ import annotations

import numpy as np
import pytest

from models.training.masks import Boxes, Mixture, Strokes, stroke_masks, training_masks


def draw(drawer, shape=(96, 128), seed=0):
    return drawer(shape, np.random.default_rng(seed))


@pytest.mark.parametrize("drawer", [Strokes(), Boxes(), training_masks(128), stroke_masks("thin", 128)])
def test_a_seed_means_the_same_mask_again(drawer):
    first = draw(drawer)
    assert first.shape == (96, 128) and first.dtype == bool
    assert np.array_equal(first, draw(drawer))
    assert any(not np.array_equal(first, draw(drawer, seed=seed)) for seed in range(1, 5))


def test_boxes_stay_inside_their_margin_and_sizes():
    for seed in range(30):
        mask = draw(Boxes(1, 1, margin=10, min_size=20, max_size=40), seed=seed)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert 20 <= len(rows) <= 40 and 20 <= len(columns) <= 40
        assert mask.sum() == len(rows) * len(columns)
        assert rows[0] >= 10 and rows[-1] < 86 and columns[0] >= 10 and columns[-1] < 118


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (16, 16)])
def test_any_canvas_will_do(shape):
    for seed in range(5):
        assert draw(Strokes(), shape, seed).shape == shape
        assert draw(Boxes(), shape, seed).shape == shape


def test_scaling_keeps_the_covered_share():
    def share(drawer, shape):
        return np.mean([draw(drawer, shape, seed).mean() for seed in range(60)])

    for kind in (Strokes(), Boxes()):
        assert share(kind.scaled(0.5), (128, 128)) == pytest.approx(share(kind, (256, 256)), rel=0.3)


@pytest.mark.parametrize("size", ["thin", "medium", "thick"])
def test_limits_hold(size):
    drawer = stroke_masks(size, 256, min_masked=0.1, max_masked=0.4)
    assert all(0.1 <= draw(drawer, (256, 200), seed).mean() <= 0.4 for seed in range(20))


def test_a_limit_that_cannot_be_met_is_an_error():
    with pytest.raises(ValueError, match="no mask"):
        draw(Mixture((Boxes(),), (1,), min_masked=0.999))
    with pytest.raises(KeyError):
        stroke_masks("enormous", 256)
