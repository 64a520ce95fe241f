import cv2
import numpy as np
import pytest

from tasks.judge.scene import scene
from tasks.judge.texture import grain_ratio, sharpness_ratio


def test_blur_makes_it_softer(whole, changed) -> None:
    found = [sharpness_ratio(changed(lambda fill, s=s: cv2.GaussianBlur(fill, (0, 0), s))) for s in (0.8, 2, 5)]
    assert sharpness_ratio(whole) > found[0] > found[1] > found[2]


def test_noise_makes_it_grainier_and_blur_cleaner(whole, changed) -> None:
    noise = np.random.default_rng(4).normal(0, 1, whole.seen.shape)
    found = [grain_ratio(changed(lambda fill, s=s: fill + s * noise)) for s in (0.01, 0.04, 0.08)]
    assert grain_ratio(whole) < found[0] < found[1] < found[2]
    assert grain_ratio(changed(lambda fill: cv2.GaussianBlur(fill, (0, 0), 2))) < grain_ratio(whole)


@pytest.mark.parametrize("measure", [grain_ratio, sharpness_ratio])
def test_the_same_everywhere_is_1(measure) -> None:
    own = np.zeros((120, 120), dtype=bool)
    own[30:90, 30:90] = True
    noise = np.random.default_rng(5).normal(0.5, 0.05, (120, 120, 3)).astype(np.float32)
    assert measure(scene(noise, own)) == pytest.approx(1, abs=0.08)
    assert measure(scene(np.full_like(noise, 0.4), own)) == pytest.approx(1)


def test_an_edge_is_no_grain() -> None:
    own = np.zeros((120, 120), dtype=bool)
    own[30:90, 30:90] = True
    seen = np.full((120, 120, 3), 0.2, dtype=np.float32)
    seen[:, 60:] = 0.9
    assert grain_ratio(scene(seen, own)) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("measure", [grain_ratio, sharpness_ratio])
def test_too_few_pixels(measure) -> None:
    own = np.zeros((20, 20), dtype=bool)
    own[5, 5:9] = True
    assert np.isnan(measure(scene(np.zeros((20, 20, 3), np.float32), own)))
