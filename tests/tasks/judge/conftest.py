from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage

from tasks.judge.scene import Scene, scene

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
