import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.correct.seam import Seam, seam
from tasks.fill.correction import Window

HIGH = 3  # px: what is finer is texture


def _disc(shape: tuple[int, int], x: float, y: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    off = np.hypot(columns - x, rows - y)
    return off <= radius, (off > radius) & (off <= radius + 16)


def _gradient(shape: tuple[int, int]) -> np.ndarray:
    rows, columns = (v[:, :, None] for v in np.mgrid[: shape[0], : shape[1]] / max(shape))
    return ((0.3, 0.4, 0.7) + columns * (0.4, 0.3, 0.1) + rows * (0.1, -0.2, 0.05)).astype(np.float32)


def _texture(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(*shape, 3))
    fine = cv2.GaussianBlur(noise, (0, 0), 1) * 0.15 + cv2.GaussianBlur(noise, (0, 0), 5) * 0.5
    return np.clip(0.5 + fine, 0, 1).astype(np.float32)


def _around(truth: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.where(known[:, :, None], truth, np.float32(0))


def _high(values: np.ndarray, own: np.ndarray) -> float:
    return float(((values - cv2.GaussianBlur(values, (0, 0), HIGH))[own] ** 2).mean())


@pytest.mark.parametrize("make", [_gradient, _texture])
@pytest.mark.parametrize("place", [(60, 60, 25), (60, 3, 30), (2, 118, 40), (60, 60, 3)])
def test_a_planted_offset_is_removed(make, place) -> None:
    truth = make((120, 120))
    own, known = _disc((120, 120), *place)
    shift = np.array([0.08, -0.04, 0.06], np.float32)
    truth = np.clip(truth, 0.1, 0.9)
    left = (
        seam(truth + shift, _around(truth, known), known, own)[own]
        - seam(truth, _around(truth, known), known, own)[own]
    )
    assert np.abs(left.mean(axis=0)).max() < 0.05 * np.abs(shift).min()


@pytest.mark.parametrize("place", [(60, 60, 25), (60, 3, 30), (2, 118, 40), (60, 60, 3)])
def test_the_truth_of_a_gradient_stays(place) -> None:
    truth = _gradient((120, 120))
    own, known = _disc((120, 120), *place)
    assert np.abs(seam(truth, _around(truth, known), known, own) - truth).max() < 1e-3


def test_what_a_sky_does_not_have_goes() -> None:
    truth = _gradient((120, 120))
    own, known = _disc((120, 120), 60, 60, 25)
    rows, columns = np.mgrid[:120, :120]
    grid = (0.01 * (rows % 8 < 2) + 0.01 * (columns % 8 < 2))[:, :, None]
    stain = 0.03 * np.exp(-np.hypot(rows - 55, columns - 65) / 12)[:, :, None] * (1, -1, 0.5)
    fill = (truth + grid + stain).astype(np.float32)
    before, after = (np.abs(v - truth)[own].max() for v in (fill, seam(fill, _around(truth, known), known, own)))
    assert after < 0.1 * before


@pytest.mark.parametrize("seed", range(3))
def test_texture_among_texture_stays(seed: int) -> None:
    own, known = _disc((160, 160), 80, 80, 40)
    truth, other = _texture((160, 160), seed), _texture((160, 160), seed + 100)
    for fill in (np.where(own[:, :, None], other, truth), truth):
        done = seam(fill, _around(truth, known), known, own)
        assert _high(done, own) == pytest.approx(_high(fill, own), rel=0.05)


@pytest.mark.parametrize("angle", [0, 0.3, 0.8, 1.2])
@pytest.mark.parametrize("off_px", [0, 10, 18])
def test_an_edge_through_the_hole_stays(angle: float, off_px: int) -> None:
    rows, columns = np.mgrid[:120, :120] - 60
    far = (columns * np.cos(angle) + rows * np.sin(angle) > off_px)[:, :, None]
    truth = np.where(far, 0.8, 0.2).astype(np.float32).repeat(3, axis=2)
    own, known = _disc((120, 120), 60, 60, 25)
    off = np.abs(seam(truth, _around(truth, known), known, own) - truth)[own]
    assert off.max() < 0.05  # of a contrast of 0.6
    assert off.mean() < 0.004


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_any_hole_outside_of_it_nothing_changes_and_twice_is_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(v) for v in rng.integers(1, 200, 2))
    own = np.zeros(shape, bool)
    y, x = (int(rng.integers(0, n)) for n in shape)
    own[y : y + int(rng.integers(1, 60)), x : x + int(rng.integers(1, 60))] = True
    known = ~own & (rng.random(shape) < rng.choice([0, 0.001, 0.5, 1]))
    truth = rng.choice([_gradient(shape) * 0, _gradient(shape), rng.random((*shape, 3), dtype=np.float32)])
    fill = rng.random((*shape, 3), dtype=np.float32)
    kept = fill.copy()
    done = seam(fill, _around(truth, known), known, own)
    assert done.dtype == np.float32
    assert done.shape == fill.shape
    assert (fill == kept).all()
    assert (done[~own] == fill[~own]).all()
    assert 0 <= done.min() <= done.max() <= 1  # and no NaN
    assert (seam(fill, _around(truth, known), known, own) == done).all()


def test_with_nothing_known_a_fill_is_returned_as_it_is() -> None:
    fill = _texture((20, 20))
    own = np.ones((20, 20), bool)
    assert seam(fill, np.zeros_like(fill), ~own, own) is fill


def test_as_a_correction_it_is_the_same() -> None:
    own, known = _disc((60, 60), 30, 30, 10)
    truth = _gradient((60, 60))
    window = Window(_texture((60, 60)), _around(truth, known), known, own)
    assert (Seam()(window) == seam(window.fill, window.seen, known, own)).all()


@pytest.mark.parametrize("slope", [0.02, -0.02])
def test_what_the_ring_runs_towards_is_not_believed_far_from_it(slope: float) -> None:
    """A hole at the border of the image has a ring on one side: whatever colour the trend runs into, nobody has seen it."""
    known = np.zeros((120, 160), dtype=bool)
    known[:, :12] = True
    x = np.arange(160, dtype=np.float32)
    noise = np.random.default_rng(0).normal(0, 0.02, (120, 160, 3)).astype(np.float32)
    seen = np.where(known[:, :, None], (0.5 + slope * (x - 6))[None, :, None] + noise, 0).astype(np.float32)
    end = float(seen[:, 11].mean())
    fill = np.where(known[:, :, None], seen, end).astype(np.float32)
    result = seam(fill, seen, known, ~known)
    assert np.abs(result[:, 12:].mean((0, 2)) - end).max() < 0.08
