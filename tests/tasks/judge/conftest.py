from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage

from tasks.correct.settings import CorrectSettings
from tasks.fill.colour import Plain
from tasks.fill.holes import Hole, find_holes
from tasks.fill.picture import Picture
from tasks.fill.settings import FillSettings
from tasks.judge.scene import Scene, scene
from tasks.judge.trial import Trial

NAMES = ("astronaut.png", "coffee.png", "chelsea.png", "brick.png", "grass.png", "motorcycle_left.png")


def photo(name: str) -> np.ndarray:
    """A picture that comes with scikit-image: (H, W, 3) float32 in [0, 1]."""
    pixels = cv2.imread(str(Path(skimage.__file__).parent / "data" / name), cv2.IMREAD_COLOR)
    return (pixels[..., ::-1] / np.float32(255)).astype(np.float32)


def blob(shape: tuple[int, int], y: float, x: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.hypot((rows - y) * 1.3, columns - x) <= radius


@pytest.fixture(params=NAMES)
def whole(request) -> Scene:
    """A scene whose fill is the truth itself: 160 × 160 of a photograph, a hole of 60 px in it."""
    seen = np.ascontiguousarray(photo(request.param)[100:260, 120:280])
    return scene(seen, blob(seen.shape[:2], 80, 80, 30))


@pytest.fixture
def changed(whole) -> Callable[[Callable[[np.ndarray], np.ndarray]], Scene]:
    """The scene after its fill has been changed by a function of the whole picture."""

    def change(function: Callable[[np.ndarray], np.ndarray]) -> Scene:
        fill = np.clip(function(whole.seen.copy()), 0, 1).astype(np.float32)
        return scene(np.where(whole.own[:, :, None], fill, whole.seen), whole.own, whole.known)

    return change


@dataclass(frozen=True)
class Damaged:
    """A texture with a hole of which a generator knows no more than the mean colour; `truth` (H, W, 3) uint8."""

    truth: np.ndarray
    picture: Picture
    mask: np.ndarray
    hole: Hole

    def trial(self, fill_pass: str = "regions", correct: CorrectSettings | None = None) -> Trial:
        given = correct or CorrectSettings(steps=("seam",))
        return Trial(self.picture, self.mask, self.hole, fill_pass, MeanGenerator(), FillSettings(), given)


class MeanGenerator:
    """Fills with the mean of what is known, and so does it around the hole."""

    def fill(self, crops: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [
            np.broadcast_to(crop[~mask].mean(axis=0), crop.shape).astype(np.float32)
            for crop, mask in zip(crops, masks, strict=True)
        ]


def tiles(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A periodic pattern with a little noise: (H, W, 3) uint8."""
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / (1.4 + c)) + np.cos(y / (1.9 - 0.3 * c)) for c in range(3)], axis=2)
    noise = np.random.default_rng(seed).normal(0, 4, waves.shape)
    return np.clip(128 + 40 * waves + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def damaged() -> Damaged:
    truth = tiles(120, 160)
    mask = blob((120, 160), 55, 60, 20)
    pixels = np.where(mask[:, :, None], np.uint8(0), truth)
    return Damaged(truth, Picture(pixels, Plain()), mask, find_holes(mask, 0)[0])
