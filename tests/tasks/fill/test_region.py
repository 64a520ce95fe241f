import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill import region
from tasks.fill.colour import Plain
from tasks.fill.holes import Hole
from tasks.fill.picture import Picture
from tasks.fill.region import Region, cut, native, uncut


def test_scaled_down_nothing_masked_leaks() -> None:
    image = np.zeros((64, 64, 3), np.float32)
    mask = np.zeros((64, 64), bool)
    mask[13:27, 30:41] = True
    image[mask] = 1.0
    crop, shown = cut(Picture(image, Plain()), mask, Region(0, 0, 64, 64, 27, 27))
    assert crop.shape == (27, 27, 3)
    assert crop[~shown].max() == 0


def test_a_large_window_is_scaled_down_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 65536, (233, 321, 3), dtype=np.uint16)
    mask = rng.random((233, 321)) > 0.99
    picture, window = Picture(image, Plain()), Region(3, 5, 310, 220, 97, 69)
    whole, hole = cut(picture, mask, window)
    monkeypatch.setattr(region, "BAND_VALUES", 310 * 3 * 7)
    banded, banded_hole = cut(picture, mask, window)
    assert (hole == banded_hole).all()
    assert np.abs(whole - banded).max() < 1e-6
    assert whole.shape == (69, 97, 3)


@pytest.mark.parametrize("side", [64, 16])
def test_what_is_no_number_is_shown_as_hole(side: int) -> None:
    image = np.full((64, 64, 1), 0.5, np.float32)
    image[10, 20], image[40, 50], image[60, 3] = np.nan, np.inf, -3.4e38
    crop, shown = cut(Picture(image, Plain(1)), np.zeros((64, 64), bool), Region(0, 0, 64, 64, side, side))
    assert shown.sum() == 3
    assert np.allclose(crop[~shown], 0.5)
    assert np.isfinite(crop).all()


@given(st.sampled_from([np.uint8, np.uint16, np.float32]), st.sampled_from([1, 3]), st.integers(5, 40))
@settings(max_examples=30, deadline=None)
def test_the_generator_sees_floats_of_three_channels(dtype: type, channels: int, side: int) -> None:
    full = 1 if dtype == np.float32 else np.iinfo(dtype).max
    image = (np.random.default_rng(side).random((40, 40, channels)) * full).astype(dtype)
    crop, shown = cut(Picture(image, Plain(channels)), np.zeros((40, 40), bool), Region(0, 0, 40, 40, side, side))
    assert crop.shape == (side, side, 3)
    assert crop.dtype == np.float32
    assert shown.shape == (side, side)
    assert crop.min() >= 0
    assert crop.max() <= 1
    assert abs(crop.mean() - image.mean() / full) < 1e-3


def test_uncut_returns_the_hole_and_its_ring_at_native_size() -> None:
    window = Region(10, 20, 40, 30, 20, 15)
    ramp = np.repeat(np.linspace(0, 1, 20, dtype=np.float32)[None, :, None], 15, axis=0).repeat(3, axis=2)
    hole = Hole(22, 25, 12, 9, np.ones((9, 12), bool))
    part = uncut(ramp, window, hole)
    assert (part.x, part.y) == (10, 20)  # the ring ends where the region does
    assert part.values.shape == (30, 40, 3)
    centres = (np.arange(12, 24) + 0.5) / 2 - 0.5
    assert np.abs(part.values[9, 12:24, 0] - centres / 19).max() < 0.01


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=30, deadline=None)
def test_what_is_shown_beyond_the_image_is_its_mirror_image_and_is_not_returned(seed: int, scaled: bool) -> None:
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(1, 60, 2))
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = rng.random((height, width)) > 0.9
    shown = (max(1, height // 2), max(1, width // 2)) if scaled else (height, width)
    top, left, bottom, right = (int(side) for side in rng.integers(0, 70, 4))
    window = Region(0, 0, width, height, shown[1], shown[0], (top, left, bottom, right))
    crop, hole = cut(Picture(image, Plain()), mask, window)
    assert crop.shape[:2] == hole.shape == window.shape == (shown[0] + top + bottom, shown[1] + left + right)
    plain, plain_hole = cut(Picture(image, Plain()), mask, Region(0, 0, width, height, shown[1], shown[0]))
    inner = slice(top, top + shown[0]), slice(left, left + shown[1])
    assert (crop[inner] == plain).all() and (hole[inner] == plain_hole).all()
    for array in (crop, hole):
        for lines, before, length in ((array, top, shown[0]), (array.swapaxes(0, 1), left, shown[1])):
            for step in range(1, min(before, length - 1) + 1):
                assert (lines[before - step] == lines[before + step]).all()
    assert native(crop, window).shape == (height, width, 3)
    if not scaled:
        assert (native(crop, window) == plain).all()
