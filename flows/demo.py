"""`lacuna demo`: damaged photographs and their masks, made from pictures that come with scikit-image."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Damage = Callable[[Picture, np.random.Generator], tuple[Picture, Picture]]


def make_demo(folder: Path, seed: int = 7) -> tuple[Path, Path]:
    """Write seven pictures to `folder/images` and a mask for each to `folder/masks`; returns both folders.

    JPEG, PNG, TIFF and WebP, colour and grey; scratches, dust, text, an object, a hole at the border, a wide hole and an
    empty mask. The same files each time.
    """
    images, masks = folder / "images", folder / "masks"
    for path in (images, masks):
        path.mkdir(parents=True, exist_ok=True)
    for name, (picture, damage) in _PICTURES.items():
        pixels = _bundled(picture)
        damaged, mask = damage(pixels, np.random.default_rng(seed))
        for path, array in ((images / name, damaged), ((masks / name).with_suffix(".png"), mask)):
            if not cv2.imwrite(str(path), array):
                raise OSError(f"cannot write {path}")
    return images, masks


def _bundled(name: str) -> Picture:
    """A picture of scikit-image's own, BGR or grey."""
    import skimage

    path = Path(skimage.__file__).parent / "data" / name
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise OSError(f"cannot read {path}")
    return np.ascontiguousarray(pixels[..., :3] if pixels.ndim == 3 else pixels, dtype=np.uint8)


def _blank(pixels: Picture) -> Picture:
    return np.zeros(pixels.shape[:2], np.uint8)


def _painted(pixels: Picture, mask: Picture, value: int) -> Picture:
    damaged = pixels.copy()
    damaged[mask > 0] = value
    return damaged


def _scratches(pixels: Picture, rng: np.random.Generator) -> tuple[Picture, Picture]:
    mask, (height, width) = _blank(pixels), pixels.shape[:2]
    for _ in range(9):
        x = int(rng.integers(0, width))
        points = np.array([(x + int(rng.normal(0, 6)) + 4 * i, i * height // 8) for i in range(9)], np.int32)
        cv2.polylines(mask, [points[:, None]], isClosed=False, color=255, thickness=int(rng.integers(1, 4)))
    return _painted(pixels, mask, 245), mask


def _dust(pixels: Picture, rng: np.random.Generator) -> tuple[Picture, Picture]:
    mask, (height, width) = _blank(pixels), pixels.shape[:2]
    for _ in range(160):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        axes = (int(rng.integers(1, 5)), int(rng.integers(1, 4)))
        cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    return _painted(pixels, mask, 15), mask


def _text(pixels: Picture, _rng: np.random.Generator) -> tuple[Picture, Picture]:
    mask, (height, width) = _blank(pixels), pixels.shape[:2]
    size = width / 420
    for line in range(4):
        place = (int(0.05 * width), int((0.2 + 0.22 * line) * height))
        cv2.putText(
            mask, "PROOF COPY 2026", place, cv2.FONT_HERSHEY_DUPLEX, size, 255, max(2, round(2 * size)), cv2.LINE_8
        )
    mask[mask > 0] = 255  # OpenCV 5 smooths letters whatever it is told
    return _painted(pixels, mask, 255), mask


def _object(pixels: Picture, _rng: np.random.Generator) -> tuple[Picture, Picture]:
    mask = _blank(pixels)
    cv2.circle(mask, (154, 126), 27, 255, -1)  # one of the coins
    return pixels.copy(), mask


def _border(pixels: Picture, _rng: np.random.Generator) -> tuple[Picture, Picture]:
    mask, (height, width) = _blank(pixels), pixels.shape[:2]
    tear = [(width - 1, 0.15), (0.86 * width, 0.25), (0.9 * width, 0.32), (0.82 * width, 0.4), (width - 1, 0.52)]
    cv2.fillPoly(mask, [np.array([(int(x), int(y * height)) for x, y in tear], np.int32)], 255)
    return _painted(pixels, mask, 255), mask


def _wide(pixels: Picture, rng: np.random.Generator) -> tuple[Picture, Picture]:
    mask, (height, width) = _blank(pixels), pixels.shape[:2]
    points = rng.uniform((0.2 * width, 0.2 * height), (0.8 * width, 0.8 * height), (7, 2)).astype(np.int32)
    cv2.polylines(mask, [points[:, None]], isClosed=False, color=255, thickness=width // 14)
    return _painted(pixels, mask, 127), mask


def _nothing(pixels: Picture, _rng: np.random.Generator) -> tuple[Picture, Picture]:
    return pixels.copy(), _blank(pixels)


_PICTURES: dict[str, tuple[str, Damage]] = {
    "scratches.jpg": ("chelsea.png", _scratches),
    "dust.png": ("coffee.png", _dust),
    "text.webp": ("astronaut.png", _text),
    "object.tif": ("coins.png", _object),
    "border.png": ("camera.png", _border),
    "wide hole.jpg": ("gravel.png", _wide),
    "nothing to do.jpg": ("motorcycle_left.png", _nothing),
}
