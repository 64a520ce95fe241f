import cv2
import numpy as np
import pytest

from tasks.correct.noise import LAG_PX, SIDE, Residual, covariances, drawn, measured, spectra, undimmed


def _white(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(*shape, 3)).astype(np.float32)


def _film(shape: tuple[int, int], sigma: float, seed: int = 0) -> np.ndarray:
    noise = cv2.GaussianBlur(_white(shape, seed), (0, 0), sigma)
    return noise / noise.std()


def _slope(shape: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.stack([0.25 + 0.5 * x / shape[1], 0.3 + 0.3 * y / shape[0], np.full(shape, 0.5)], -1).astype(np.float32)


@pytest.mark.parametrize("strength", [0.005, 0.02, 0.05])
def test_the_strength_of_white_noise_on_slopes_is_measured(strength: float) -> None:
    where = np.ones((160, 180), bool)
    where[50:110, 60:130] = False
    found = measured(Residual.of(_slope(where.shape) + np.float32(strength) * _white(where.shape), where))
    assert found is not None
    assert np.sqrt(found.variances).mean(axis=1) == pytest.approx([strength] * 3, rel=0.1)


def test_noise_that_grows_with_the_level_is_told_from_noise_that_does_not() -> None:
    shape = (200, 220)
    base = np.repeat(_slope(shape)[:, :, :1], 3, axis=2)
    noisy = base + np.sqrt(4e-4 * base) * _white(shape)
    found = measured(Residual.of(noisy, np.ones(shape, bool)))
    assert found is not None
    for level in (0.35, 0.5, 0.65):
        expected = np.sqrt(4e-4 * level)
        assert found.deviations(np.full((1, 3), level, np.float32))[0] == pytest.approx([expected] * 3, rel=0.12)


def test_channels_that_share_their_noise_are_found() -> None:
    shape = (160, 160)
    shared = np.repeat(_white(shape)[:, :, :1], 3, axis=2)
    found = measured(Residual.of(0.5 + 0.02 * (shared + 0.2 * _white(shape, 1)), np.ones(shape, bool)))
    assert found is not None
    assert np.abs(found.axes[:, -1]) == pytest.approx([3**-0.5] * 3, abs=0.03)
    assert found.covariances[-1, LAG_PX, LAG_PX] > 20 * found.covariances[0, LAG_PX, LAG_PX]


def test_texture_lines_and_nothing_are_no_noise() -> None:
    where = np.ones((160, 160), bool)
    leaves = np.clip(0.5 + 0.2 * (_film((160, 160), 3) + _film((160, 160), 8, 1)), 0, 1)
    assert measured(Residual.of(leaves, where)) is None
    lines = np.full((160, 160, 3), 0.5, np.float32)
    lines[::9] = 0.1
    lines[:, ::13] = 0.9
    assert measured(Residual.of(lines, where)) is None
    flat = measured(Residual.of(np.full((160, 160, 3), 0.5, np.float32), where))
    assert flat is None or flat.variances.max() < 1e-8
    assert measured(Residual.of(0.5 + 0.02 * _white((12, 12)), where[:12, :12])) is None
    assert measured(Residual.of(leaves, ~where)) is None


def test_half_a_picture_of_texture_does_not_change_what_the_other_half_says() -> None:
    shape = (160, 240)
    busy = 0.5 + 0.2 * _film(shape, 2, 3) * (np.arange(240) < 120)[None, :, None] + 0.015 * _white(shape)
    found = measured(Residual.of(np.clip(busy, 0, 1).astype(np.float32), np.ones(shape, bool)))
    assert found is not None
    assert np.sqrt(found.variances).mean() == pytest.approx(0.015, rel=0.2)


def test_autocovariances_are_those_of_the_pairs_that_count() -> None:
    values, where = _film((60, 70), 1.0), np.random.default_rng(2).random((60, 70)) < 0.7
    found = covariances(values, where)
    centre = LAG_PX
    for down, across in ((0, 0), (0, 1), (2, 1), (3, -2)):
        a = np.s_[0 : 60 - down, max(0, -across) : 70 - max(0, across)]
        b = np.s_[down:60, max(0, across) : 70 + min(0, across)]
        both = where[a] & where[b]
        taper = np.prod([np.cos(np.pi / 2 * lag / (LAG_PX + 1)) ** 2 for lag in (down, across)])
        for channel in range(3):
            expected = (values[a][..., channel] * values[b][..., channel])[both].mean() * taper
            assert found[channel, centre + down, centre + across] == pytest.approx(expected, abs=1e-5)
    assert np.allclose(found, found[:, ::-1, ::-1])


@pytest.mark.parametrize("sigma", [0.0, 0.8, 1.5])
def test_what_is_drawn_has_the_autocovariance_that_was_asked_for(sigma: float) -> None:
    source = _film((300, 300), sigma) if sigma else _white((300, 300))
    asked = covariances(source, np.ones((300, 300), bool))
    power = spectra(asked)
    assert power.shape == (3, SIDE, SIDE)
    assert power.min() >= 0
    again = covariances(drawn(power, (500, 600), np.random.default_rng(7)), np.ones((500, 600), bool))
    assert np.abs(again - asked).max() < 0.12
    assert (drawn(power, (20, 30), np.random.default_rng(1)) == drawn(power, (20, 30), np.random.default_rng(1))).all()


def test_what_local_means_took_is_given_back() -> None:
    """White noise without its local mean is white again, but for what was dimmed away."""
    flat = np.ones((1, SIDE, SIDE))
    ways = 2 * np.pi * np.fft.fftfreq(SIDE)
    dimmed = flat * (1 - np.exp(-(ways[:, None] ** 2 + ways**2) * 9 / 2)) ** 2
    found = undimmed(dimmed)
    assert found.max() <= 1 + 1e-9
    assert np.median(found) == pytest.approx(1)
    assert found[0, 0, 0] == pytest.approx(0, abs=1e-9)
