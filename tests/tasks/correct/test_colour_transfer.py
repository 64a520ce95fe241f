import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.correct.colour_transfer import ColourTransfer
from tasks.correct.settings import ColourTransferSettings
from tasks.fill.correction import Window

SHIFT = np.float32([0.08, -0.04, 0.06])


def _picture(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Texture, of two colours left and right."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(*shape, 1)), (0, 0), 1.5).reshape(*shape, 1)
    left = (np.arange(shape[1]) < shape[1] // 2)[None, :, None]
    colour = np.where(left, (0.35, 0.5, 0.3), (0.6, 0.5, 0.45))
    return np.clip(colour + 0.25 * noise * (1, 0.7, 0.5), 0.1, 0.9).astype(np.float32)


def _window(truth: np.ndarray, fill: np.ndarray, own: np.ndarray) -> Window:
    return Window(fill, np.where(own[:, :, None], 0, truth).astype(np.float32), ~own, own)


def _case(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    own = np.zeros((140, 160), bool)
    own[45:95, 55:105] = True
    return _picture((140, 160), seed), own


@pytest.mark.parametrize("reference", ["matched", "ring"])
def test_at_least_half_of_a_shift_goes(reference: str) -> None:
    truth, own = _case()
    fill = truth + SHIFT * own[:, :, None]
    done = ColourTransfer(ColourTransferSettings(reference=reference))(_window(truth, fill, own))
    left = (done - truth)[own].mean(axis=0)
    assert np.linalg.norm(left) < 0.5 * np.linalg.norm(SHIFT)
    assert (done[~own] == fill[~own]).all()


def test_a_fill_of_one_colour_stays_of_one_colour() -> None:
    truth, own = _case()
    fill = np.where(own[:, :, None], np.float32(0.45), truth)
    weights = ColourTransferSettings(reference="ring", boundary=0, structure=0, evidence=0, trust=1)
    done = ColourTransfer(weights)(_window(truth, fill, own))
    assert done[own].std(axis=0).max() < 0.02
    ring = truth[~own].mean(axis=0)
    assert np.abs(done[own].mean(axis=0) - ring).max() < np.abs(0.45 - ring).max()


def test_a_fill_of_the_right_colours_stays_and_blotches_are_no_evidence() -> None:
    truth, own = _case()
    right = _window(truth, np.where(own[:, :, None], cv2.GaussianBlur(truth, (0, 0), 2), truth), own)
    assert ColourTransfer()(right) is right.fill
    for seed in range(3):
        blotches = [cv2.GaussianBlur(_noise(seed + 10 * k), (0, 0), 4) for k in (0, 1)]
        one, other = (np.clip(0.5 + 0.15 * v / v.std(), 0, 1).astype(np.float32) for v in blotches)
        window = _window(one, np.where(own[:, :, None], other, one), own)
        assert ColourTransfer()(window) is window.fill


def _noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(140, 160, 3))


def test_trust_says_whose_mean_it_is() -> None:
    truth, own = _case()
    fill = np.where(own[:, :, None], np.float32(0.45), truth)
    frontier, ring = (
        ColourTransfer(ColourTransferSettings(reference="ring", evidence=0, trust=trust))(_window(truth, fill, own))
        for trust in (0, 1)
    )
    mean = truth[~own].mean(axis=0)
    assert np.abs(ring[own].mean(axis=0) - mean).max() < 0.8 * np.abs(frontier[own].mean(axis=0) - mean).max()


def test_it_is_seeded() -> None:
    truth, own = _case()
    window = _window(truth, truth + SHIFT * own[:, :, None], own)
    first, again, other = (
        ColourTransfer(ColourTransferSettings(reference="ring", seed=seed, samples=200))(window) for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_any_hole_outside_of_it_nothing_changes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(v) for v in rng.integers(1, 80, 2))
    own = np.zeros(shape, bool)
    y, x = (int(rng.integers(0, n)) for n in shape)
    own[y : y + int(rng.integers(1, 40)), x : x + int(rng.integers(1, 40))] = True
    known = ~own & (rng.random(shape) < rng.choice([0, 0.01, 1]))
    truth = rng.choice([np.full((*shape, 3), 0.3, np.float32), rng.random((*shape, 3), dtype=np.float32)])
    fill = rng.choice([np.full((*shape, 3), 0.4, np.float32), rng.random((*shape, 3), dtype=np.float32)])
    window = Window(fill, np.where(known[:, :, None], truth, 0).astype(np.float32), known, own)
    kept = fill.copy()
    weights = ColourTransferSettings(reference=rng.choice(["matched", "ring"]), directions=6, samples=300)
    done = ColourTransfer(weights.weighted(str(rng.choice(["light", "even", "strict"]))))(window)
    assert done.dtype == np.float32
    assert (window.fill == kept).all()
    assert (done[~own] == fill[~own]).all()
    assert 0 <= done.min() <= done.max() <= 1  # and no NaN


def test_with_nothing_known_a_fill_is_returned_as_it_is() -> None:
    own = np.ones((20, 20), bool)
    window = Window(_picture((20, 20)), np.zeros((20, 20, 3), np.float32), ~own, own)
    assert ColourTransfer()(window) is window.fill
