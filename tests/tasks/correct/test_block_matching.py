import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.correct.block_matching import BlockMatching, matches
from tasks.correct.settings import BlockMatchingSettings
from tasks.fill.correction import Window

FREE = BlockMatchingSettings(block_px=12, kept=2)


def _texture(shape: tuple[int, int], seed: int = 0, sigma: float = 1.2) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(*shape, 3)), (0, 0), sigma)
    return np.clip(0.5 + 0.12 * noise / noise.std(), 0, 1).astype(np.float32)


def _window(truth: np.ndarray, fill: np.ndarray, own: np.ndarray) -> Window:
    known = ~own
    return Window(fill, np.where(known[:, :, None], truth, 0).astype(np.float32), known, own)


def _hole(shape: tuple[int, int], box: tuple[int, int, int, int]) -> np.ndarray:
    own = np.zeros(shape, bool)
    own[box[0] : box[1], box[2] : box[3]] = True
    return own


def _wall(shape: tuple[int, int]) -> np.ndarray:
    """A periodic picture: the tile is noise, so that only whole periods match."""
    tile = _texture((24, 30), 3)
    return np.tile(tile, (shape[0] // 24 + 1, shape[1] // 30 + 1, 1))[: shape[0], : shape[1]]


def test_a_blurred_hole_in_a_periodic_picture_becomes_what_it_was() -> None:
    truth, own = _wall((150, 180)), _hole((150, 180), (50, 98, 60, 120))
    fill = np.where(own[:, :, None], cv2.GaussianBlur(truth, (0, 0), 1.5), truth)
    window = _window(truth, fill, own)
    done = BlockMatching(FREE)(window)
    before, after = (np.abs(v - truth)[own].mean() for v in (fill, done))
    assert after < 0.25 * before
    assert (done[~own] == fill[~own]).all()
    found = matches(window, FREE)
    y, x = found.offsets[..., 0][found.found], found.offsets[..., 1][found.found]
    assert found.found[own].mean() > 0.95
    assert ((y % 24 == 0) & (x % 30 == 0)).mean() > 0.95


def test_what_is_told_of_the_matches_is_consistent() -> None:
    truth, own = _texture((120, 140), 5), _hole((120, 140), (40, 80, 50, 90))
    window = _window(truth, cv2.GaussianBlur(truth, (0, 0), 2), own)
    found = matches(window, FREE)
    assert found.found.any()
    assert not (found.found & ~own).any()
    assert not (found.area & ~window.known).any()
    assert not found.offsets[~own].any()
    sources = found.sources(window.seen)
    assert sources.shape == (found.found.sum(), 3)
    assert {tuple(v) for v in sources.tolist()} == {tuple(v) for v in window.seen[found.area].tolist()}


@pytest.mark.parametrize("block_px", [12, 18])
def test_no_grid_shows(block_px: int) -> None:
    """Differences across the lines of the grid are those across any other line."""
    truth, own = _texture((200, 240), 7), _hole((200, 240), (50, 150, 60, 180))
    fill = np.where(own[:, :, None], cv2.GaussianBlur(truth, (0, 0), 2.5), truth)
    done = BlockMatching(BlockMatchingSettings(block_px=block_px, kept=2))(_window(truth, fill, own))
    inner = done[54:146, 64:176]
    assert inner.std() > 0.75 * truth.std()
    step = block_px - max(2, block_px // 3)
    for axis in (0, 1):
        change = (np.diff(inner, axis=axis) ** 2).mean(axis=(1 - axis, 2))
        phases = np.array([change[phase::step].mean() for phase in range(step)])
        assert phases.max() < 1.35 * np.median(phases)
        assert phases.min() > 0.65 * np.median(phases)


def test_texture_comes_back_where_the_fill_lost_it() -> None:
    truth, own = _texture((160, 160), 9), _hole((160, 160), (50, 110, 50, 110))
    fill = np.where(own[:, :, None], cv2.GaussianBlur(truth, (0, 0), 2.5), truth)
    done = BlockMatching(FREE)(_window(truth, fill, own))
    sharp = [np.abs(cv2.Laplacian(v, cv2.CV_32F))[55:105, 55:105].mean() for v in (fill, done, truth)]
    assert sharp[0] < 0.3 * sharp[2]
    assert 0.7 * sharp[2] < sharp[1] < 1.3 * sharp[2]


def test_where_nothing_is_like_it_a_fill_stays() -> None:
    truth, own = np.full((100, 100, 3), 0.9, np.float32), _hole((100, 100), (30, 70, 30, 70))
    fill = np.where(own[:, :, None], _texture((100, 100)) * 0.3, truth).astype(np.float32)
    window = _window(truth, fill, own)
    assert BlockMatching()(window) is window.fill
    assert not matches(window, BlockMatchingSettings()).found.any()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_any_hole_outside_of_it_nothing_changes_and_twice_is_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(v) for v in rng.integers(1, 90, 2))
    own = np.zeros(shape, bool)
    y, x = (int(rng.integers(0, n)) for n in shape)
    own[y : y + int(rng.integers(1, 40)), x : x + int(rng.integers(1, 40))] = True
    known = ~own & (rng.random(shape) < rng.choice([0, 0.9999, 1]))
    truth = rng.choice([np.zeros((*shape, 3), np.float32), _texture(shape, seed % 7)])
    fill = rng.random((*shape, 3), dtype=np.float32) if rng.random() < 0.5 else _texture(shape, seed % 7, 3)
    window = Window(fill, np.where(known[:, :, None], truth, 0).astype(np.float32), known, own)
    kept = fill.copy()
    correct = BlockMatching(BlockMatchingSettings(block_px=int(rng.integers(4, 20)), kept=2, histogram=0.5))
    done = correct(window)
    assert done.dtype == np.float32
    assert (window.fill == kept).all()
    assert (done[~own] == fill[~own]).all()
    assert 0 <= done.min() <= done.max() <= 1  # and no NaN
    assert (correct(window) == done).all()


def test_the_reach_grows_with_the_hole_up_to_a_cap() -> None:
    reach = BlockMatching().reach
    assert [reach.px(area) for area in (1, 10_000, 10**7)] == [64, 150, 384]
