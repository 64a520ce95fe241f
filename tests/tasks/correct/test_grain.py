import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.correct.grain import Grain
from tasks.correct.settings import GrainSettings
from tasks.fill.correction import Window

SHAPE = (180, 200)
OWN = np.hypot(*(np.mgrid[: SHAPE[0], : SHAPE[1]] - np.array([90, 100])[:, None, None])) < 45


def _base() -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    planes = [0.3 + 0.4 * x / SHAPE[1], 0.35 + 0.2 * y / SHAPE[0], 0.5 + 0.1 * np.sin(x / 60)]
    return np.stack(planes, -1).astype(np.float32)


def _noise(strength: float, sigma: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(*SHAPE, 3)).astype(np.float32)
    if sigma:
        noise = cv2.GaussianBlur(noise, (0, 0), sigma)
    return noise * np.float32(strength / noise.std())


def _window(picture: np.ndarray, fill: np.ndarray, own: np.ndarray = OWN, y: int = 0) -> Window:
    shown = np.where(own[:, :, None], fill, picture).astype(np.float32)
    return Window(shown, np.where(own[:, :, None], 0, picture).astype(np.float32), ~own, own, y)


def _stored(picture: np.ndarray) -> np.ndarray:
    return (np.rint(np.clip(picture, 0, 1) * 255) / 255).astype(np.float32)


def _beside(noise: np.ndarray, lag: int) -> float:
    """Autocorrelation within the hole at a distance along rows."""
    both = OWN[:, :-lag] & OWN[:, lag:]
    return float((noise[:, :-lag] * noise[:, lag:])[both].mean() / (noise[OWN] ** 2).mean())


@pytest.mark.parametrize(("strength", "sigma"), [(0.006, 0), (0.02, 0), (0.02, 0.7), (0.02, 1.0), (0.05, 1.0)])
def test_the_grain_of_the_surroundings_is_reproduced(strength: float, sigma: float) -> None:
    base = _base()
    picture = _stored(base + _noise(strength, sigma))
    done = Grain()(_window(picture, base))
    made = done - base
    assert made[OWN].std(axis=0) == pytest.approx((picture - base)[~OWN].std(axis=0), rel=0.12)
    other = _noise(strength, sigma, 1)
    for lag in (1, 2, 3):
        assert _beside(made, lag) == pytest.approx(_beside(other, lag), abs=0.08)
    assert (done[~OWN] == picture[~OWN]).all()


def test_channels_stay_correlated_as_they_are() -> None:
    base = _base()
    grey = np.repeat(_noise(0.02, 0.7)[:, :, :1], 3, axis=2)
    made = Grain()(_window(_stored(base + grey), base)) - base
    assert np.corrcoef(made[OWN].T).min() > 0.9


def test_grain_that_is_there_is_not_added_again() -> None:
    base = _base()
    picture = base + _noise(0.02, 0.8)
    window = _window(picture, base + _noise(0.02, 0.8, 1))
    assert Grain()(window) is window.fill
    half = Grain()(_window(picture, base + _noise(0.012, 0.8, 1))) - base
    assert half[OWN].std() == pytest.approx(0.02, rel=0.12)


def test_a_smooth_picture_without_noise_is_untouched() -> None:
    for picture in (_base(), _stored(_base())):
        window = _window(picture, picture + np.float32(0.01))
        assert Grain()(window) is window.fill


def test_a_fill_full_of_texture_and_texture_around_it_are_untouched() -> None:
    busy = np.clip(0.5 + _noise(0.15, 3) + _noise(0.15, 1.5, 1), 0, 1)
    for window in (_window(busy, _base()), _window(_stored(_base() + _noise(0.01, 0)), busy)):
        assert Grain()(window) is window.fill


def test_what_is_too_strong_or_too_faint_to_be_grain_is_left() -> None:
    window = _window(_base() + _noise(0.03, 0), _base())
    assert Grain(GrainSettings(most=0.02))(window) is window.fill
    assert Grain(GrainSettings(least=0.05))(window) is window.fill
    assert Grain()(window) is not window.fill


def test_the_sample_is_that_of_the_place_and_of_the_seed() -> None:
    picture, base = _base() + _noise(0.02, 0), _base()
    first, again = (Grain()(_window(picture, base)) for _ in range(2))
    assert (first == again).all()
    assert (first != Grain()(_window(picture, base, y=64))).any()
    assert (first != Grain(GrainSettings(seed=1))(_window(picture, base))).any()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_any_hole_outside_of_it_nothing_changes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(v) for v in rng.integers(1, 90, 2))
    own = np.zeros(shape, bool)
    y, x = (int(rng.integers(0, n)) for n in shape)
    own[y : y + int(rng.integers(1, 40)), x : x + int(rng.integers(1, 40))] = True
    known = ~own & (rng.random(shape) < rng.choice([0, 0.5, 1]))
    truth = np.clip(rng.random(3) + 0.02 * rng.normal(size=(*shape, 3)), 0, 1).astype(np.float32)
    fill = np.clip(truth * rng.random() + 0.01 * rng.normal(size=truth.shape), 0, 1).astype(np.float32)
    window = Window(fill, np.where(known[:, :, None], truth, 0).astype(np.float32), known, own)
    kept = fill.copy()
    done = Grain()(window)
    assert done.dtype == np.float32
    assert (window.fill == kept).all()
    assert (done[~own] == fill[~own]).all()
    assert 0 <= done.min() <= done.max() <= 1  # and no NaN
