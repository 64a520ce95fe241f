import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.correct.settings import TextureSettings
from tasks.correct.texture import Texture
from tasks.fill.correction import Window

QUICK = TextureSettings(iterations=12, exemplar="ring", directions=8)


def _texture(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(*shape, 3)), (0, 0), 1.2)
    return np.clip(0.5 + 0.12 * noise / noise.std(), 0, 1).astype(np.float32)


def _window(blur: float = 3, side: int = 36) -> Window:
    truth, own = _texture((100, 110)), np.zeros((100, 110), bool)
    own[30 : 30 + side, 34 : 34 + side] = True
    fill = np.where(own[:, :, None], cv2.GaussianBlur(truth, (0, 0), blur), truth) if blur else truth
    return Window(fill.astype(np.float32), np.where(own[:, :, None], 0, truth).astype(np.float32), ~own, own)


def _busy(picture: np.ndarray, own: np.ndarray) -> float:
    return float(
        np.abs(cv2.Laplacian(picture, cv2.CV_32F))[cv2.erode(own.astype(np.uint8), np.ones((5, 5))) > 0].mean()
    )


@pytest.mark.parametrize(
    "changed", [{}, {"statistic": "gram"}, {"start": "mean"}, {"start": "noise"}, {"spectrum": 1.0}]
)
def test_texture_comes_back_where_the_fill_lost_it(changed: dict[str, object]) -> None:
    window = _window()
    done = Texture(QUICK.model_copy(update=changed | {"iterations": 30}))(window)
    before, after, truth = (_busy(v, window.own) for v in (window.fill, done, _texture((100, 110))))
    assert before < 0.2 * truth
    assert 0.6 * truth < after < 1.3 * truth
    assert (done[~window.own] == window.fill[~window.own]).all()


def test_coarse_colours_stay_those_of_the_fill() -> None:
    window = _window()
    done = Texture(QUICK)(window)
    off = cv2.GaussianBlur(done - window.fill, (0, 0), 8)[window.own]
    assert np.abs(off).max() < 0.03


def test_it_is_seeded() -> None:
    window = _window()
    first, again, other = (Texture(QUICK.model_copy(update={"seed": seed}))(window) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_a_fill_that_has_the_texture_stays() -> None:
    window = _window(blur=0)
    assert Texture(QUICK)(window) is window.fill


def test_a_fill_that_is_not_much_softer_stays() -> None:
    soft = _window(blur=0.7)
    assert Texture(QUICK)(soft) is soft.fill
    softer = _window()
    assert Texture(QUICK)(softer) is not softer.fill
    assert Texture(QUICK.model_copy(update={"lacking": 0.01}))(softer) is softer.fill


def test_narrow_and_huge_holes_and_those_with_nothing_known_stay() -> None:
    for window in (_window(side=6), Window(_texture((40, 40)), np.zeros((40, 40, 3), np.float32), *_nothing((40, 40)))):
        assert Texture(QUICK)(window) is window.fill
    window = _window()
    assert Texture(QUICK.model_copy(update={"most_mp": 0.001}))(window) is window.fill


def _nothing(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(shape, bool), np.ones(shape, bool)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=6, deadline=None)
def test_any_hole_outside_of_it_nothing_changes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(v) for v in rng.integers(1, 80, 2))
    own = np.zeros(shape, bool)
    y, x = (int(rng.integers(0, n)) for n in shape)
    own[y : y + int(rng.integers(1, 40)), x : x + int(rng.integers(1, 40))] = True
    known = ~own & (rng.random(shape) < rng.choice([0, 0.9999, 1]))
    truth = rng.choice([np.full((*shape, 3), 0.4, np.float32), _texture(shape, seed % 5)])
    fill = cv2.GaussianBlur(truth, (0, 0), 2).reshape(truth.shape)
    window = Window(fill, np.where(known[:, :, None], truth, 0).astype(np.float32), known, own)
    kept = fill.copy()
    done = Texture(QUICK.model_copy(update={"iterations": 3, "spectrum": float(rng.choice([0, 1]))}))(window)
    assert done.dtype == np.float32
    assert (window.fill == kept).all()
    assert (done[~own] == fill[~own]).all()
    assert 0 <= done.min() <= done.max() <= 1  # and no NaN


def test_torch_is_imported_only_when_it_is_needed() -> None:
    code = "import sys, tasks.correct.corrections; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
