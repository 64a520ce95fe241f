import numpy as np
import pytest

from tasks.fill.patches.features import RADIUS, SIDE
from tasks.fill.patches.field import Field
from tasks.fill.patches.level import levels_of


def windows(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = tuple(int(v) for v in rng.integers(3, 90, 2))
    hole = rng.random(shape) < 0.02
    source = ~hole & (rng.random(shape) > 0.01)
    return rng.random((*shape, 3)).astype(np.float32), hole, source


@pytest.mark.parametrize("seed", range(20))
def test_holes_never_shrink_and_sources_never_grow(seed: int) -> None:
    values, hole, source = windows(seed)
    levels = levels_of(values, hole, source, 3)
    for number, level in enumerate(levels):
        inner = (slice(RADIUS, -RADIUS), slice(RADIUS, -RADIUS))
        y, x = (np.arange(n) >> number for n in hole.shape)
        assert level.hole[inner][np.ix_(y, x)][hole].all()
        assert not level.source[inner][np.ix_(y, x)][~source].any()
        assert not (level.hole & level.source).any()


@pytest.mark.parametrize("seed", range(20))
def test_a_source_is_a_patch_without_anything_but_source(seed: int) -> None:
    for level in levels_of(*windows(seed), 3):
        patches = np.lib.stride_tricks.sliding_window_view(level.source, (SIDE, SIDE)).all(axis=(2, 3))
        assert set(level.sources) == set(np.flatnonzero(np.pad(patches, RADIUS)))


def test_targets_are_the_patches_that_hold_a_hole() -> None:
    hole = np.zeros((30, 40), bool)
    hole[12:15, 20:22] = True
    level = levels_of(np.zeros((30, 40, 3), np.float32), hole, ~hole, 1)[0]
    assert len(level.targets) == (3 + 2 * RADIUS) * (2 + 2 * RADIUS)
    assert level.depth.min() == pytest.approx(1, abs=0.1)
    deepest = level.targets[level.depth == level.depth.max()]
    assert np.isin(deepest, np.flatnonzero(level.hole)).all()


def test_a_finer_level_goes_on_where_the_coarser_one_was() -> None:
    hole = np.zeros((64, 96), bool)
    hole[20:40, 60:80] = True
    fine, coarse = levels_of(np.zeros((64, 96, 3), np.float32), hole, ~hole, 2)
    offset = np.int32(20)
    rng = np.random.default_rng(0)
    field = Field((coarse.hole.shape[0], coarse.hole.shape[1]), coarse.targets, coarse.sources, coarse.targets - offset)
    inside = np.isin(fine.targets, np.flatnonzero(fine.hole))
    assert (fine.finer(field, coarse, rng)[inside] == fine.targets[inside] - 2 * offset).all()


def test_what_falls_outside_the_sources_is_drawn_from_them() -> None:
    hole = np.zeros((64, 96), bool)
    hole[20:40, 60:80] = True
    fine, coarse = levels_of(np.zeros((64, 96, 3), np.float32), hole, ~hole, 2)
    field = Field((coarse.hole.shape[0], coarse.hole.shape[1]), coarse.targets, coarse.sources, coarse.targets.copy())
    best = fine.finer(field, coarse, np.random.default_rng(0))
    assert np.isin(best, fine.sources).all()
