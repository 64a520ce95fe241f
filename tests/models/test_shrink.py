from __future__ import annotations

import numpy as np
import pytest

from models.shrink import shrunk


@pytest.mark.parametrize("seed", range(5))
def test_what_lies_in_the_hole_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    crop = rng.random((24, 36, 3), np.float32)
    hole = rng.random((24, 36)) < 0.4
    other = np.where(hole[..., None], rng.random(crop.shape, np.float32), crop)
    for one, two in zip(shrunk(crop, hole, (12, 8)), shrunk(other, hole, (12, 8)), strict=True):
        assert np.array_equal(one, two)


def test_each_pixel_is_the_mean_of_its_known_ones():
    rng = np.random.default_rng(0)
    crop, hole = rng.random((12, 18, 3), np.float32), rng.random((12, 18)) < 0.5
    small, unknown = shrunk(crop, hole, (6, 4))
    assert small.shape == (4, 6, 3) and unknown.shape == (4, 6)
    for y in range(4):
        for x in range(6):
            block, there = crop[3 * y : 3 * y + 3, 3 * x : 3 * x + 3], ~hole[3 * y : 3 * y + 3, 3 * x : 3 * x + 3]
            assert unknown[y, x] == (there.mean() < 0.5)
            if there.any():
                assert np.allclose(small[y, x], block[there].mean(0), atol=1e-5)
