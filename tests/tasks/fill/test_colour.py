import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.colour import Plain, Spanned, full_scale, shown, spanned, unit, valid


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_plain_values_are_seen_and_stored_exactly(dtype: type, channels: int) -> None:
    full = full_scale(np.dtype(dtype))
    values = np.arange(0, full + 1, 7).astype(dtype)[:, None, None].repeat(channels, axis=2)
    seen = Plain(channels).seen(values)
    assert seen.shape == (len(values), 1, 3)
    assert seen.dtype == np.float32
    assert (np.rint(Plain(channels).stored(seen) * full).astype(dtype) == values).all()


def test_plain_floats_are_clipped_and_have_no_nan() -> None:
    values = np.array([-1, 0.25, 7, np.nan, np.inf], np.float32)[:, None, None]
    assert Plain(1).seen(values)[:, 0, 0].tolist() == [0, 0.25, 1, 0, 1]
    assert shown(values).dtype == unit(values).dtype == np.float32


def test_no_numbers() -> None:
    values = np.array([0, -1e20, np.nan, np.inf, -np.inf, np.finfo(np.float32).max], np.float32)
    assert valid(values).tolist() == [True, True, False, False, False, False]


@given(
    st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.floats(0.25, 1), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1)
)
@settings(max_examples=60, deadline=None)
def test_spanned_values_come_back(low: float, reach: float, exponent: float, channels: int, seed: int) -> None:
    colour = Spanned(low, low + reach, exponent, channels)
    values = (low + reach * np.random.default_rng(seed).random((5, 6, channels))).astype(np.float32)
    seen = colour.seen(values)
    assert seen.shape == (5, 6, 3)
    assert seen.min() >= 0
    assert seen.max() <= 1
    rounding = np.spacing(np.float32(abs(low) + reach))
    assert np.abs(colour.stored(seen) - values).max() <= 2e-6 * reach + 2 * rounding


def test_floats_between_0_and_1_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((4000, 3)).astype(np.float32)
    assert isinstance(spanned(values), Plain)
    values[:2] = 1.2, -0.1, 5  # sharpening's overshoot changes nothing for the rest
    assert isinstance(spanned(values), Plain)
    assert spanned(values[:, :1]).channels == 1


@pytest.mark.parametrize("values", [[0.0], [np.nan, np.inf], [7.0, 7.0], [0.0, 1.0]])
def test_constants_and_nothing_known_are_taken_as_they_are(values: list[float]) -> None:
    assert isinstance(spanned(np.array(values, np.float32)[:, None]), Plain)


def test_a_range_is_spread_without_what_stands_out() -> None:
    heights = np.random.default_rng(0).normal(2000, 100, (100000, 1)).astype(np.float32)
    heights[:20] = -32768
    heights[20:40] = np.nan
    heights[40:60] = np.finfo(np.float32).min
    colour = spanned(heights)
    assert isinstance(colour, Spanned)
    assert 1600 < colour.low < 1800
    assert 2200 < colour.high < 2400
    assert colour.exponent == 1


def test_a_narrow_range_is_spread_too() -> None:
    colour = spanned(np.linspace(0.5, 0.51, 1000, dtype=np.float32)[:, None])
    assert isinstance(colour, Spanned)
    assert np.ptp(colour.seen(np.array([[[0.5]], [[0.51]]], np.float32))) > 0.99


def test_linear_light_is_brightened() -> None:
    light = np.random.default_rng(0).lognormal(-1, 1.5, (20000, 3)).astype(np.float32)
    colour = spanned(light)
    assert isinstance(colour, Spanned)
    assert colour.low == 0
    median = np.full((1, 1, 3), np.median(light), np.float32)
    assert Spanned(0, colour.high).seen(median).max() < 0.1
    assert 0.3 < colour.seen(median).max() < 0.5
