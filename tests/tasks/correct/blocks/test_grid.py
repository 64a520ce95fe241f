import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.correct.blocks.grid import grid_of, patches, scene_of, sums, touched


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_every_pixel_of_a_hole_lies_in_a_block_that_touches_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape, side = tuple(int(v) for v in rng.integers(1, 90, 2)), int(rng.integers(4, 40))
    own = rng.random(shape) < rng.choice([0.002, 0.1, 1])
    own[tuple(int(rng.integers(0, n)) for n in shape)] = True
    scene = scene_of(np.zeros((*shape, 3), np.float32), ~own, own, side + 1)
    grid = grid_of(scene.own, side)
    active, covered = touched(grid, scene.own), np.zeros_like(scene.own)
    for (y, x), there in zip(grid.corners().reshape(-1, 2), active.ravel(), strict=True):
        block = slice(y, y + side), slice(x, x + side)
        assert scene.own[block].shape == (side, side)
        assert there == scene.own[block].any()
        covered[block] |= there
    assert not (scene.own & ~covered).any()
    inside = np.zeros_like(covered)
    inside[grid.box] = True
    assert not (covered & ~inside).any()
    assert 2 <= grid.overlap <= side // 2


def test_blocks_and_their_sums_are_those_of_the_picture() -> None:
    rng = np.random.default_rng(0)
    picture, mask = rng.random((20, 30, 3), dtype=np.float32), rng.random((20, 30)) < 0.5
    corners = np.array([[[0, 0], [3, 7]], [[15, 25], [2, 2]]])
    found = patches(picture, corners, 5)
    for index in np.ndindex(2, 2):
        y, x = corners[index]
        assert (found[index] == picture[y : y + 5, x : x + 5]).all()
        assert sums(mask, 5)[y, x] == mask[y : y + 5, x : x + 5].sum()
