import cv2
import numpy as np
import pytest

from tasks.judge.filters import SCALES, detail_distance, texture_distance

BOTH = pytest.mark.parametrize("distance", [texture_distance, detail_distance])


@BOTH
def test_equal_pictures_have_none_and_it_is_bounded_and_symmetric(distance, whole) -> None:
    other = np.random.default_rng(0).random(whole.seen.shape).astype(np.float32)
    far = distance(whole.seen, other, whole.own)
    assert distance(whole.seen, whole.seen, whole.own) == 0
    assert 0 < far <= 4 * SCALES
    assert far == pytest.approx(distance(other, whole.seen, whole.own))


@BOTH
def test_only_the_hole_and_what_is_next_to_it_counts(distance, whole) -> None:
    other = whole.seen.copy()
    other[:8] = 1 - other[:8]
    assert distance(whole.seen, other, whole.own) < 1e-4
    assert np.isnan(distance(whole.seen, other, np.zeros_like(whole.own)))


@BOTH
def test_the_more_blur_the_farther(distance, whole) -> None:
    far = [distance(cv2.GaussianBlur(whole.seen, (0, 0), s), whole.seen, whole.own) for s in (0.7, 1.5, 4)]
    assert far[0] < far[1] < far[2]


def test_a_texture_forgives_a_shift_of_a_pixel_more_than_a_blur(whole) -> None:
    grain = np.random.default_rng(1).normal(0, 0.1, whole.seen.shape[:2])[:, :, None]
    sharp = np.clip(0.5 + cv2.GaussianBlur(grain, (0, 0), 1.2)[:, :, None] * np.ones(3), 0, 1).astype(np.float32)
    moved, soft = np.roll(sharp, 1, axis=1), cv2.GaussianBlur(sharp, (0, 0), 3)
    assert texture_distance(moved, sharp, whole.own) < texture_distance(soft, sharp, whole.own)
    assert texture_distance(moved, sharp, whole.own) < detail_distance(moved, sharp, whole.own)
