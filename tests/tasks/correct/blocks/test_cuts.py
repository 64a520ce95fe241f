import itertools

import numpy as np
import pytest

from tasks.correct.blocks.cuts import least_path, owners
from tasks.correct.blocks.grid import grid_of


@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_the_cheapest_of_all(seed: int) -> None:
    error = np.random.default_rng(seed).random((3, 5, 4), dtype=np.float32)
    for each, path in zip(error, least_path(error), strict=True):
        costs = {
            way: sum(each[step, i - 1] + each[step, i] for step, i in enumerate(way))
            for way in itertools.product(range(1, 4), repeat=5)
            if max(abs(a - b) for a, b in itertools.pairwise(way)) <= 1
        }
        assert costs[tuple(path.tolist())] == pytest.approx(min(costs.values()), abs=1e-5)


@pytest.mark.parametrize("side", [4, 7, 12])
def test_each_pixel_comes_from_a_block_that_holds_it(side: int) -> None:
    rng = np.random.default_rng(side)
    picture = rng.random((70, 80, 3), dtype=np.float32)
    own = np.zeros((70, 80), bool)
    own[20:47, 22:60] = True
    grid = grid_of(own, side)
    corners = grid.corners()
    found = owners(picture, rng.integers(0, 70 - side, corners.shape), grid)
    assert found.shape == own[grid.box].shape
    y, x = np.indices(found.shape)
    first = corners.reshape(-1, 2)[found] - (grid.top, grid.left)
    inside = np.stack([y, x], axis=-1) - first
    assert (inside >= 0).all()
    assert (inside < side).all()


def test_a_cut_follows_where_two_sources_are_equal() -> None:
    picture = np.random.default_rng(0).random((30, 60, 3), dtype=np.float32)
    own = np.zeros((30, 60), bool)
    own[8:20, 8:28] = True
    grid = grid_of(own, 12)
    assert (grid.rows, grid.columns) == (1, 3) or grid.rows >= 1
    places = grid.corners().copy()
    same = owners(picture, places, grid)  # every source the same: any cut is free
    shown = np.zeros((*same.shape, 3), np.float32)
    offsets = (places - grid.corners()).reshape(-1, 2)[same]
    y, x = np.indices(same.shape)
    shown = picture[grid.top + y + offsets[..., 0], grid.left + x + offsets[..., 1]]
    assert (shown == picture[grid.box]).all()
