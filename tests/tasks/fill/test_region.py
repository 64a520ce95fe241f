import numpy as np
import pytest

from tasks.fill.holes import Hole
from tasks.fill.region import Region, cut, to_float_rgb, uncut


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_to_float_and_back_is_exact(dtype: type) -> None:
    full = np.iinfo(dtype).max
    values = np.arange(0, full + 1, 7).astype(dtype)[:, None, None]
    shown = to_float_rgb(values)
    assert shown.shape == (len(values), 1, 3)
    assert (np.rint(shown[:, :, 0] * full).astype(dtype) == values[:, :, 0]).all()


def test_scaled_down_nothing_masked_leaks() -> None:
    image = np.zeros((64, 64, 3), np.float32)
    mask = np.zeros((64, 64), bool)
    mask[13:27, 30:41] = True
    image[mask] = 1.0
    crop, shown = cut(image, mask, Region(0, 0, 64, 64, 27, 27))
    assert crop.shape == (27, 27, 3)
    assert crop[~shown].max() == 0


def test_uncut_returns_the_box_of_the_hole_at_native_size() -> None:
    region = Region(10, 20, 40, 30, 20, 15)
    ramp = np.repeat(np.linspace(0, 1, 20, dtype=np.float32)[None, :, None], 15, axis=0).repeat(3, axis=2)
    hole = Hole(22, 25, 12, 9, np.ones((9, 12), bool))
    part = uncut(ramp, region, hole)
    assert part.shape == (9, 12, 3)
    centres = (np.arange(12, 24) + 0.5) / 2 - 0.5
    assert np.abs(part[4, :, 0] - centres / 19).max() < 0.01
