import numpy as np
import pytest

from tasks.fill.colour import Plain
from tasks.fill.detail import MOST_SOURCES, _sources, _weight, detailed
from tasks.fill.holes import find_holes
from tasks.fill.picture import Picture
from tasks.fill.prediction import Prediction


def smooth_fill(noise: float = 0.1, shape: tuple[int, int] = (400, 420)) -> tuple[Picture, np.ndarray, Prediction]:
    """A grey picture with grain, and a fill of its hole without."""
    rng = np.random.default_rng(0)
    image = np.clip(0.5 + noise * rng.standard_normal((*shape, 3)), 0, 1).astype(np.float32)
    mask = np.zeros(shape, bool)
    mask[120:300, 130:310] = True
    mask[10:14, 10:14] = True
    return Picture(image, Plain()), mask, Prediction(114, 104, np.full((212, 212, 3), 0.5, np.float32))


def gradient(values: np.ndarray) -> float:
    return float(np.abs(np.diff(values, axis=0)).mean())


def test_a_smooth_fill_gets_the_grain_of_its_surroundings_and_no_block_shows() -> None:
    picture, mask, prediction = smooth_fill()
    hole = find_holes(mask, 0)[1]
    made = detailed(picture, mask, hole, prediction).values[16:196, 16:196]
    known = picture.pixels[120:300, 320:400]
    assert 0.85 < gradient(made) / gradient(known) < 1.1
    energy = np.array([np.abs(np.diff(made[y : y + 12], axis=0)).mean() for y in range(0, 168, 12)])
    assert energy.max() / energy.min() < 1.25
    assert abs(float(made.mean()) - 0.5) < 0.005
    rows = made.mean(axis=(1, 2))
    assert np.abs(rows - 0.5).max() < 0.03


def test_only_the_holes_own_pixels_change() -> None:
    picture, mask, prediction = smooth_fill()
    hole = find_holes(mask, 0)[1]
    before = prediction.values.copy()
    made = detailed(picture, mask, hole, prediction)
    own = made.own(hole)
    assert np.array_equal(made.values[~own], before[~own]) and not np.array_equal(made.values[own], before[own])
    assert made.values.min() >= 0 and made.values.max() <= 1


def test_what_is_sharp_enough_or_without_detail_stays() -> None:
    picture, mask, prediction = smooth_fill()
    hole = find_holes(mask, 0)[1]
    sharp = np.clip(0.5 + 0.4 * np.random.default_rng(1).standard_normal((212, 212, 3)), 0, 1).astype(np.float32)
    assert np.array_equal(detailed(picture, mask, hole, Prediction(114, 104, sharp.copy())).values, sharp)
    plain = Picture(np.full_like(picture.pixels, 0.5), Plain())
    assert np.abs(detailed(plain, mask, hole, prediction).values - 0.5).max() < 1e-5


def test_without_a_known_block_nothing_is_added() -> None:
    picture, mask, prediction = smooth_fill()
    mask = np.ones_like(mask)
    mask[::40] = False
    before = prediction.values.copy()
    for hole in find_holes(mask, 64)[:1]:
        part = Prediction(hole.x, hole.y, np.full((hole.h, hole.w, 3), 0.5, np.float32))
        assert (detailed(picture, mask, hole, part).values == 0.5).all()
    assert np.array_equal(prediction.values, before)


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_holes_in_corners_are_as_good(corner: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = np.clip(0.5 + 0.1 * rng.standard_normal((331, 287, 3)), 0, 1).astype(np.float32)
    mask = np.zeros((331, 287), bool)
    y, x = corner[0] * (331 - 100), corner[1] * (287 - 90)
    mask[y : y + 100, x : x + 90] = True
    (hole,) = find_holes(mask, 0)
    made = detailed(Picture(image, Plain()), mask, hole, Prediction(x, y, np.full((100, 90, 3), 0.5, np.float32)))
    assert 0.8 < gradient(made.values) / gradient(image) < 1.15


def test_sources_are_few_known_and_inside() -> None:
    shape = (2000, 1900)
    mask = np.zeros(shape, bool)
    mask[300:1700, 400:1500] = True
    (hole,) = find_holes(mask, 0)
    sources = _sources(Picture(np.zeros((*shape, 3), np.uint8), Plain()), mask, hole)
    assert 0 < len(sources.place) <= MOST_SOURCES
    for y, x in sources.place:
        assert y >= 0 and x >= 0 and y + 64 <= shape[0] and x + 64 <= shape[1]
        assert not mask[y : y + 64, x : x + 64].any()


def test_weights_of_neighbours_keep_the_energy() -> None:
    square = _weight()[:, :, 0] ** 2
    assert np.allclose(square[:, 32][:16] + square[:, 32][-16:], 1)
    assert np.allclose(square[32, 16:48], 1)
