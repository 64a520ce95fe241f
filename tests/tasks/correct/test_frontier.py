import cv2
import numpy as np
import pytest

from tasks.correct.frontier import inside_px, step


def _disc(shape: tuple[int, int]) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(rows - shape[0] / 2, columns - shape[1] / 2) < min(shape) / 4


@pytest.mark.parametrize("textured", [False, True])
def test_a_shift_of_the_fill_is_told_back(textured: bool) -> None:
    own, shift = _disc((160, 180)), np.float32([0.08, -0.05, 0.02])
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(160, 180, 3)), (0, 0), 1)
    picture = (0.5 + (0.1 * noise if textured else 0 * noise)).astype(np.float32)
    found = step(picture + shift * own[:, :, None], ~own, own)
    assert found[own].mean(axis=0) == pytest.approx(-shift, abs=0.012 if textured else 1e-4)


def test_where_fill_and_picture_do_not_meet_there_is_no_step() -> None:
    own = _disc((80, 80))
    far = np.zeros_like(own)
    far[:3] = True
    assert not step(np.ones((80, 80, 3), np.float32), far, own).any()
    assert not step(np.ones((80, 80, 3), np.float32), np.zeros_like(own), own).any()


def test_depth_is_counted_from_what_is_known() -> None:
    known = np.ones((9, 9), bool)
    known[2:7, 2:7] = False
    depth = inside_px(known)
    assert depth[4, 4] == pytest.approx(3, abs=0.1)
    assert depth[2, 4] == pytest.approx(1, abs=0.1)
    assert not depth[known].any()
