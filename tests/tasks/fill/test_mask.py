import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.mask import (
    dilate,
    feather_weight,
    hole_from_alpha,
    hole_from_boxes,
    hole_from_colour,
    hole_from_luminance,
)
from tasks.fill.settings import MaskSettings


def test_polarity_turns_the_mask_round() -> None:
    mask = np.arange(256, dtype=np.uint8).reshape(16, 16)
    white = hole_from_luminance(mask, MaskSettings(threshold=100))
    assert white.sum() == 156
    assert (hole_from_luminance(mask, MaskSettings(threshold=100, polarity="black")) == ~white).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparent_is_hole_at_any_depth(dtype: type) -> None:
    full = np.iinfo(dtype).max
    alpha = np.array([[0, full // 4, full]], dtype=dtype)
    assert hole_from_alpha(alpha, MaskSettings()).tolist() == [[True, True, False]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_key_colour_with_tolerance(dtype: type) -> None:
    unit = np.iinfo(dtype).max // 255
    pixels = (np.array([[[255, 0, 255], [250, 5, 249], [240, 0, 255]]]) * unit).astype(dtype)
    assert hole_from_colour(pixels, MaskSettings(colour="#ff00ff", colour_tolerance=8)).tolist() == [
        [True, True, False]
    ]


def test_boxes_are_clipped_to_the_image() -> None:
    hole = hole_from_boxes([[-3, -3, 5, 5], [8, 0, 10, 1], [50, 50, 5, 5], [-9, 0, 3, 3]], (10, 10))
    assert hole.sum() == 4 + 2
    assert hole[:2, :2].all()
    assert hole[0, 8:].all()


@given(st.integers(0, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_dilation_is_the_euclidean_disc(radius: int, seed: int) -> None:
    core = np.random.default_rng(seed).random((24, 31)) > 0.98
    grown = dilate(core, radius)
    yy, xx = np.nonzero(core)
    y, x = np.mgrid[:24, :31]
    near = ((y[..., None] - yy) ** 2 + (x[..., None] - xx) ** 2 <= radius**2).any(axis=2)
    assert (grown == near).all()


@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_feather_lies_inside_the_ring(dilation: int, feather: int, seed: int) -> None:
    policy = MaskSettings(dilate_px=dilation, feather_px=min(feather, dilation))
    core = np.random.default_rng(seed).random((40, 40)) > 0.99
    hole = dilate(core, dilation)
    weight = feather_weight(core, hole, policy)
    assert (weight[core] == 1).all()
    assert (weight[~hole] == 0).all()
    assert (weight[hole] > 0).all()
    assert weight.dtype == np.float32


def test_feather_wider_than_the_dilation_is_refused() -> None:
    with pytest.raises(ValueError, match="feather_px"):
        MaskSettings(dilate_px=2, feather_px=3)
