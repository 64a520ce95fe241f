from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.training.damage import Dust, Scratches, Text


def draw(drawer, shape=(128, 160), seed=0):
    return drawer(shape, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", [Scratches(), Dust(), Text()])
@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (16, 16), (128, 96)])
def test_any_canvas_will_do_and_a_seed_means_the_same_mask(kind, shape):
    for seed in range(5):
        mask = draw(kind, shape, seed)
        assert mask.shape == shape and mask.dtype == bool
        assert np.array_equal(mask, draw(kind, shape, seed))


def thickest(mask):
    """Twice the largest distance from a masked pixel to a known one."""
    padded = np.pad(mask, 1).astype(np.uint8)
    return 2 * cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max()


def test_a_scratch_is_long_and_as_thin_as_asked():
    for seed in range(20):
        mask = draw(Scratches(1, 1, max_width=3, min_length=0.5, max_length=0.6, hairs=0), (200, 200), seed)
        if mask.any():
            assert thickest(mask) <= 6
    lengths = [
        max(np.ptp(np.nonzero(m)[0]), np.ptp(np.nonzero(m)[1])) for m in (draw(Scratches(), seed=s) for s in range(9))
    ]
    assert np.median(lengths) > 60


def test_dust_is_small_and_its_number_grows_with_the_canvas():
    def specks(shape, seed):
        return cv2.connectedComponents(draw(Dust(), shape, seed).astype(np.uint8))[0] - 1

    assert all(thickest(draw(Dust(max_radius=4), (256, 256), seed)) <= 2 * 3 * 4 for seed in range(10))
    few, many = (np.mean([specks((side, side), seed) for seed in range(10)]) for side in (128, 256))
    assert many == pytest.approx(4 * few, rel=0.35)


def test_letters_are_thin_pieces_in_lines():
    masks = [draw(Text(min_height=12, max_height=20), (128, 192), seed) for seed in range(20)]
    seen = [mask for mask in masks if mask.any()]
    assert len(seen) > 15
    assert all(mask.mean() < 0.4 and thickest(mask) < 16 for mask in seen)
