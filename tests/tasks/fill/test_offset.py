import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.fill.correction import Window
from tasks.fill.offset import Offset

Float = NDArray[np.float32]


def window(truth: Float, fill: Float) -> Window:
    """A disc of a fill and what is known around it."""
    y, x = np.mgrid[: truth.shape[0], : truth.shape[1]]
    far = np.hypot(y - truth.shape[0] / 2, x - truth.shape[1] / 2)
    own = far < 20
    known = ~own & (far < 36)
    return Window(fill, np.where(known[:, :, None], truth, 0).astype(np.float32), known, own)


def smooth(seed: int, low: float = 0.3, high: float = 0.7) -> Float:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (80, 90, 3)), (0, 0), 6)
    spread = (noise - noise.min()) / (noise.max() - noise.min())
    return (low + (high - low) * spread).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.floats(-0.2, 0.2), st.floats(-0.1, 0.1))
@settings(max_examples=25, deadline=None)
def test_a_planted_offset_and_slope_are_taken_off(seed: int, level: float, slope: float) -> None:
    truth = smooth(seed)
    wrong = level + slope * np.linspace(-1, 1, 90, dtype=np.float32)[None, :, None]
    shown = window(truth, (truth + wrong).astype(np.float32))
    made = Offset()(shown)
    before, after = (np.abs(values - truth)[shown.own].mean() for values in (shown.fill, made))
    assert after <= 0.1 * before + 0.002
    assert (made[~shown.own] == shown.fill[~shown.own]).all()


def test_a_misplaced_edge_does_not_smear() -> None:
    """A few pixels of the frontier are far off: they say nothing about the hole."""
    truth = smooth(1)
    fill = truth.copy()
    fill[:, :24] += 0.3  # a strip of the ring, beside the hole
    shown = window(truth, fill)
    off = np.abs(Offset()(shown) - truth)[shown.own]
    assert off.max() < 0.1


def test_with_nothing_known_around_it_a_fill_stays() -> None:
    shown = window(smooth(2), smooth(3))
    alone = Window(shown.fill, np.zeros_like(shown.seen), np.zeros_like(shown.known), shown.own)
    assert Offset()(alone) is alone.fill
