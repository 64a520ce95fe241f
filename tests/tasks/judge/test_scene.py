import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.colour import Plain
from tasks.fill.holes import find_holes
from tasks.fill.picture import Picture
from tasks.judge import scene as module
from tasks.judge.scene import REACH_PX, TILE_PX, TILES, eroded, scene, scene_of


def _picture(seen: np.ndarray) -> Picture:
    return Picture(seen, Plain())


def test_the_window_is_the_hole_and_its_ring() -> None:
    rng = np.random.default_rng(0)
    seen = rng.random((200, 300, 3), dtype=np.float32)
    mask = np.zeros((200, 300), dtype=bool)
    mask[90:120, 100:160] = True
    mask[70:75, 100:104] = True  # another hole, within reach
    small, large = find_holes(mask, 4)
    found = scene_of(_picture(seen), mask, large)
    window = slice(90 - REACH_PX, 120 + REACH_PX), slice(100 - REACH_PX, 160 + REACH_PX)
    assert np.array_equal(found.seen, seen[window])
    assert np.array_equal(found.known, ~mask[window])
    assert found.own.sum() == large.area == found.area
    assert not (found.own & found.known).any()
    assert (~(found.own | found.known)).sum() == small.area


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 40))
@settings(deadline=None, max_examples=25)
def test_at_a_border_the_window_ends(y: int, x: int, side: int) -> None:
    mask = np.zeros((48, 52), dtype=bool)
    mask[y : y + side, x : x + side] = True
    (hole,) = find_holes(mask, 0)
    found = scene_of(_picture(np.zeros((48, 52, 3), np.float32)), mask, hole)
    assert found.own.shape == found.seen.shape[:2] == found.known.shape
    assert found.own.sum() == hole.area
    assert found.depth_px >= 1
    assert not found.ring[found.own].any()


@pytest.mark.parametrize("kind", ["box", "scratch", "frame"])
def test_a_large_window_is_looked_at_in_tiles(kind: str) -> None:
    side = 1600
    mask = np.zeros((side, side), dtype=bool)
    if kind == "box":
        mask[100:1500, 60:1540] = True
    elif kind == "scratch":
        mask[np.arange(side), np.arange(side)] = True
        mask[np.arange(side - 1), np.arange(1, side)] = True
    else:
        mask[50:1550, 50:1550] = True
        mask[300:1300, 300:1300] = False
    place = np.indices((side, side)).transpose(1, 2, 0) / side
    seen = np.dstack([place, np.ones((side, side))]).astype(np.float32)
    (hole,) = find_holes(mask, 0)
    found = scene_of(_picture(seen), mask, hole)
    assert found.own.size <= TILES * (TILE_PX + 1) * TILE_PX
    assert found.own.any() and found.known.any() and found.area == hole.area
    real = found.seen[:, :, 2] == 1  # not a gap between tiles
    assert not (found.own | found.known)[~real].any()
    y, x = (np.rint(found.seen[real][:, i] * side).astype(int) for i in (0, 1))
    assert np.array_equal(found.own[real], mask[y, x])
    again = scene_of(_picture(seen), mask, hole)
    assert np.array_equal(again.seen, found.seen)


def test_depth_of_a_large_hole_is_that_of_a_small_one_scaled(monkeypatch) -> None:
    own = np.zeros((300, 400), dtype=bool)
    own[50:250, 100:350] = True
    exact = scene(np.zeros((300, 400, 3), np.float32), own).depth_px
    monkeypatch.setattr(module, "EDGE_PX", 10_000)
    assert scene(np.zeros((300, 400, 3), np.float32), own).depth_px == pytest.approx(exact, rel=0.1)


def test_eroded_asks_the_neighbours() -> None:
    where = np.ones((7, 9), dtype=bool)
    where[3, 4] = False
    expected = where.copy()
    expected[2:5, 3:6] = False
    assert np.array_equal(eroded(where, 1), expected)


def test_the_gradient_of_a_slope() -> None:
    columns = np.broadcast_to(np.arange(40, dtype=np.float32)[None, :, None] * 0.01, (40, 40, 3))
    own = np.zeros((40, 40), dtype=bool)
    own[10:20, 10:20] = True
    found = scene(np.ascontiguousarray(columns), own)
    assert found.edges[1:-1, 1:-1] == pytest.approx(0.01, abs=1e-5)
    assert found.luma == pytest.approx(columns[:, :, 0], abs=1e-5)


def test_what_is_no_number_is_not_known() -> None:
    seen = np.full((60, 60, 3), 0.5, dtype=np.float32)
    seen[10:12, 10:12] = np.nan
    mask = np.zeros((60, 60), dtype=bool)
    mask[25:30, 25:30] = True
    (hole,) = find_holes(mask, 0)
    found = scene_of(_picture(seen), mask, hole)
    assert (~(found.known | found.own)).sum() == 4
    assert np.isfinite(found.seen).all()
