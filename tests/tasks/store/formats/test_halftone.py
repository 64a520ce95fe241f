import cv2
import numpy as np
import pytest
from PIL import Image

from tasks.store.formats.halftone import halftoned


def hole(shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[shape[0] // 3 : shape[0] // 2, shape[1] // 3 : shape[1] // 2] = True
    return mask


def ramp(height: int = 200, width: int = 260) -> np.ndarray:
    return np.tile(np.linspace(30, 225, width), (height, 1)).astype(np.uint8)


def test_dithered_greys_are_a_halftone() -> None:
    levels = np.asarray(Image.fromarray(ramp()).convert("1")).astype(np.uint8)
    assert halftoned(levels, hole(levels.shape)).all()


def test_a_screen_of_dots_is_a_halftone() -> None:
    y, x = np.mgrid[:200, :260]
    screen = (127 + 127 * np.sin(x * 1.1 + y * 0.5) * np.sin(y * 1.1 - x * 0.5)).astype(np.uint8)
    levels = (ramp() > screen).astype(np.uint8)
    assert halftoned(levels, hole(levels.shape)).mean() > 0.9


def test_text_and_thresholded_pictures_are_none() -> None:
    page = np.full((400, 500), 255, np.uint8)
    for line in range(20):
        cv2.putText(page, f"The quick brown fox, line {line}", (5, 20 * line + 15), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 0, 1)
    assert not halftoned(page // 255, hole(page.shape)).any()
    assert not halftoned((ramp() > 128).astype(np.uint8), hole(ramp().shape)).any()


def test_each_hole_by_its_surroundings() -> None:
    """Dots on the left, a blank page on the right."""
    levels = np.ones((128, 400), np.uint8)
    levels[:, :200] = np.asarray(Image.fromarray(np.full((128, 200), 99, np.uint8)).convert("1"))
    mask = np.zeros(levels.shape, bool)
    mask[40:60, 60:80] = mask[40:60, 330:350] = True
    grain = halftoned(levels, mask).reshape(20, 40)
    assert grain[:, :20].all()
    assert not grain[:, 20:].any()


def test_what_the_hole_shows_does_not_matter_and_wide_holes_ask_the_rest() -> None:
    levels = np.asarray(Image.fromarray(np.full((300, 300), 120, np.uint8)).convert("1")).astype(np.uint8)
    mask = np.zeros(levels.shape, bool)
    mask[10:290, 10:290] = True
    levels = np.where(mask, 1, levels)
    assert halftoned(levels, mask).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 2)])
def test_small_pictures(shape: tuple[int, int]) -> None:
    assert not halftoned(np.zeros(shape, np.uint8), np.ones(shape, bool)).any()
