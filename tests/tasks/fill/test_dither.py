import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.dither import quantise, quantise_at


def ramp(first: float, last: float, height: int = 64, width: int = 512) -> np.ndarray:
    """Grey floats (height, width, 1) from left to right."""
    return np.repeat(np.linspace(first, last, width)[None, :, None], height, axis=0)


@given(st.sampled_from([2, 4, 16, 256, 65536]), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_is_a_step_stays_that_step(levels: int, seed: int, dither: bool) -> None:
    """Also when it went through float32, as every fill does."""
    steps = np.random.default_rng(seed).integers(0, levels, (9, 11, 3))
    assert (quantise((steps / (levels - 1)).astype(np.float32), levels, dither=dither) == steps).all()


@given(st.sampled_from([16, 256, 65536]), st.floats(0, 1), st.integers(0, 10**6), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_on_average_nothing_changes_anywhere_in_the_picture(levels: int, value: float, y: int, x: int) -> None:
    done = quantise(np.full((64, 64, 1), value), levels, (y, x))
    assert abs(done.mean() - value * (levels - 1)) < 0.04
    assert done.max() - done.min() <= 1


def test_ends_and_what_is_no_number_have_no_noise() -> None:
    values = np.array([-1.0, 0.0, 1.0, 7.0, np.nan, np.inf, -np.inf]).repeat(100).reshape(-1, 1, 1)
    assert quantise(values, 256)[::100, 0, 0].tolist() == [0, 0, 255, 255, 0, 255, 0]
    assert all(len(set(part)) == 1 for part in quantise(values, 256).reshape(7, 100))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_a_part_has_the_bytes_of_the_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.random((40, 50, 3))
    whole = quantise(values, 256, (1000, 2000))
    y, x = (int(v) for v in rng.integers(0, 30, 2))
    assert (quantise(values[y : y + 9, x : x + 12], 256, (1000 + y, 2000 + x)) == whole[y : y + 9, x : x + 12]).all()
    rows, columns = np.nonzero(rng.random((40, 50)) > 0.7)
    scattered = quantise_at(values[rows, columns], 256, rows + 1000, columns + 2000)
    assert (scattered == whole[rows, columns]).all()


def test_grey_stays_grey() -> None:
    done = quantise(np.repeat(ramp(0.2, 0.3), 3, axis=2), 256)
    assert (done[:, :, 0] == done[:, :, 1]).all()
    assert (done[:, :, 0] == done[:, :, 2]).all()


def test_a_smooth_ramp_does_not_band() -> None:
    """Bands: what is wrong in the mean over 8 × 8 pixels, in steps; the eye takes such a mean at arm's length."""

    def banding(dither: bool) -> float:
        truth = ramp(0.40, 0.42)
        wrong = quantise(truth, 256, dither=dither) - truth * 255
        return float(np.sqrt((wrong.reshape(8, 8, 64, 8).mean(axis=(1, 3)) ** 2).mean()))

    assert banding(dither=False) > 0.25
    assert banding(dither=True) < 0.02


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.7])
def test_the_noise_is_fine_grained(share: float) -> None:
    """White noise has 5 % of its power below a quarter of the highest frequency, where the eye is strongest."""
    noise = quantise(np.full((256, 256, 1), (100 + share) / 255), 256)[:, :, 0].astype(float)
    power = np.abs(np.fft.fft2(noise - noise.mean())) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    assert power[frequency < 0.125].sum() < 0.015 * power.sum()


def test_nothing_to_quantise() -> None:
    empty = np.zeros((0, 3))
    assert quantise_at(empty, 256, np.zeros(0, int), np.zeros(0, int)).shape == (0, 3)


@pytest.mark.parametrize("levels", [2, 16])
def test_low_depths_keep_their_brightness(levels: int) -> None:
    truth = ramp(0, 1)
    done = quantise(truth, levels)
    assert done.max() == levels - 1
    assert abs((done / (levels - 1) - truth).reshape(8, 8, 64, 8).mean(axis=(1, 3))).max() < 0.07
