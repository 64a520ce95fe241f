from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.training.shapes import Boxes, Polygons, Strokes


def draw(drawer, shape=(96, 128), seed=0):
    return drawer(shape, np.random.default_rng(seed))


def test_boxes_stay_inside_their_margin_and_sizes():
    for seed in range(30):
        mask = draw(Boxes(1, 1, margin=10, min_size=20, max_size=40), seed=seed)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert 20 <= len(rows) <= 40 and 20 <= len(columns) <= 40
        assert mask.sum() == len(rows) * len(columns)
        assert rows[0] >= 10 and rows[-1] < 86 and columns[0] >= 10 and columns[-1] < 118


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (16, 16)])
@pytest.mark.parametrize("kind", [Strokes(), Boxes(), Polygons()])
def test_any_canvas_will_do(kind, shape):
    for seed in range(5):
        assert draw(kind, shape, seed).shape == shape


@pytest.mark.parametrize("kind", [Strokes(), Boxes(), Polygons()])
def test_scaling_keeps_the_covered_share(kind):
    def share(drawer, shape):
        return np.mean([draw(drawer, shape, seed).mean() for seed in range(60)])

    assert share(kind.scaled(0.5), (128, 128)) == pytest.approx(share(kind, (256, 256)), rel=0.3)


def test_a_polygon_is_one_piece_around_its_centre():
    for seed in range(20):
        mask = draw(Polygons(1, 1, min_radius=20, max_radius=30), (200, 200), seed)
        pieces, _ = cv2.connectedComponents(mask.astype(np.uint8))
        assert pieces == 2 and 0 < mask.sum() <= np.pi * 31**2
