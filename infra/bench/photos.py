"""An archive to measure with: crops of the pictures that come with scikit-image, damaged by strokes and specks. Seeded."""

from pathlib import Path

import cv2
import numpy as np
import skimage
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

BUNDLED = ("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "grass.png", "motorcycle_left.png")
SIZES = ((480, 640), (640, 480), (512, 600), (500, 576))  # height, width, about 0.3 megapixels


def make_archive(
    root: Path, count: int, sizes: tuple[tuple[int, int], ...] = SIZES, seed: int = 5
) -> tuple[Path, Path]:
    """Write `count` pictures (JPEG and PNG by turns) to `root/images`, their masks to `root/masks`; returns both folders."""
    rng = np.random.default_rng(seed)
    images, masks = root / "images", root / "masks"
    for folder in (images, masks):
        folder.mkdir(parents=True)
    data = Path(skimage.__file__).parent / "data"
    pictures = [np.asarray(cv2.imread(str(data / name), cv2.IMREAD_UNCHANGED), np.uint8) for name in BUNDLED]
    for number in range(count):
        height, width = sizes[number % len(sizes)]
        photo = _crop(pictures[number % len(pictures)], height, width, rng)
        mask = damage(height, width, rng)
        photo[mask > 0] = 235
        name = f"scan {number:05d}"
        _write(images / f"{name}{('.jpg', '.png')[number % 2]}", photo)
        _write(masks / f"{name}.png", mask)
    return images, masks


def _crop(picture: Picture, height: int, width: int, rng: np.random.Generator) -> Picture:
    """A window of this shape, as large as 60 to 100 % of the picture lets it be, scaled to (height, width)."""
    colour = picture[..., :3] if picture.ndim == 3 else picture
    scale = min(colour.shape[0] / height, colour.shape[1] / width) * rng.uniform(0.6, 1.0)
    h, w = int(height * scale), int(width * scale)
    y, x = (int(rng.integers(0, have - want + 1)) for have, want in zip(colour.shape[:2], (h, w), strict=True))
    part = colour[y : y + h, x : x + w]
    part = part[:, ::-1] if rng.random() < 0.5 else part
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def damage(height: int, width: int, rng: np.random.Generator) -> Picture:
    """A mask (height, width): up to three strokes and a handful of specks, in proportion to the picture's side."""
    mask, side = np.zeros((height, width), np.uint8), max(height, width)
    for _ in range(int(rng.integers(1, 4))):
        steps = np.cumsum(rng.normal(0, side / 16, (int(rng.integers(3, 7)), 2)), axis=0)
        points = (steps + rng.uniform(0.1, 0.9, 2) * (width, height)).astype(np.int32)
        cv2.polylines(mask, [points[:, None]], False, 255, max(1, int(side * rng.uniform(0.003, 0.02))))
    for _ in range(int(rng.integers(3, 12))):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        cv2.circle(mask, centre, max(1, int(side * rng.uniform(0.002, 0.008))), 255, -1)
    return mask


def _write(path: Path, pixels: Picture) -> None:
    if not cv2.imwrite(str(path), pixels):
        raise OSError(f"cannot write {path}")
