"""What `large.py` fills: windows of large photos, damaged by LaMa's masks in proportion. Seeded by name."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from size import jpegs

from models.training.masks import stroke_masks

Photo = NDArray[np.uint8]
Bool = NDArray[np.bool_]
DRAWN_PX = 512  # where LaMa's evaluation masks are at home
MASKED = (0.1, 0.4)  # of the window


@dataclass(frozen=True)
class Case:
    """A window (H, W, 3) uint8 RGB of a photo and its mask (H, W) bool."""

    photo: str
    kind: str
    truth: Photo
    mask: Bool

    @property
    def name(self) -> str:
        """For files."""
        return f"{Path(self.photo).stem}-{zlib.crc32(self.photo.encode()):08x}-{self.kind}"


def large_photos(folder: Path, count: int, min_mp: float, only: str = "") -> list[Path]:
    """`count` JPEGs of enough pixels, with `only` in their path below the folder, spread evenly over the sorted names."""
    from PIL import Image

    found = []
    for path in jpegs([folder], 1_000_000):
        if only not in path.relative_to(folder).as_posix():
            continue
        with Image.open(path) as image:
            if image.width * image.height >= min_mp * 1e6:
                found.append(path)
    chosen_at = np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)
    return [found[int(i)] for i in chosen_at]


def make_case(path: Path, name: str, kind: str, max_side: int, seed: int) -> Case:
    """A seeded window of a photo, never scaled, and a mask in proportion to it."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"{path} cannot be read")
    rng = np.random.default_rng([seed, zlib.crc32(f"{name} {kind}".encode())])
    height, width = (min(side, max_side) for side in pixels.shape[:2])
    y, x = (int(rng.integers(0, have - want + 1)) for have, want in zip(pixels.shape[:2], (height, width), strict=True))
    truth = np.ascontiguousarray(pixels[y : y + height, x : x + width, ::-1]).astype(np.uint8, copy=False)
    scale = DRAWN_PX / max(height, width)
    small = (max(1, round(height * scale)), max(1, round(width * scale)))
    drawn = stroke_masks(kind, DRAWN_PX, *MASKED)(small, rng).astype(np.uint8) * np.uint8(255)
    grown = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    return Case(name, kind, truth, grown >= 128)
