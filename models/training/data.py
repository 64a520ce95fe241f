"""Photos for training: encoded images in a Parquet column, or image files; random crops of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.training.masks import Mixture
from models.training.settings import DataSettings

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}


class Photos(Sequence[Pixels]):
    """Encoded photos, decoded when asked for: (H, W, 3) uint8 RGB.

    path: a folder, an image file or a Parquet file; order is by name, so that a seed means the same photos again.
    Raises FileNotFoundError when there is no photo, ValueError (from `[]`) for one that cannot be decoded.
    """

    def __init__(self, path: Path, column: str = "webp") -> None:
        files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
        self._encoded: list[bytes | Path] = [f for f in files if f.suffix.lower() in SUFFIXES]
        for file in files:
            if file.suffix.lower() == ".parquet":
                import pyarrow.parquet

                self._encoded += pyarrow.parquet.read_table(file, columns=[column])[column].to_pylist()
        if not self._encoded:
            raise FileNotFoundError(f"no photos in {path}")

    def __len__(self) -> int:
        return len(self._encoded)

    def __getitem__(self, index: int) -> Pixels:  # type: ignore[override]  # slices are of no use here
        encoded = self._encoded[index]
        data = encoded.read_bytes() if isinstance(encoded, Path) else encoded
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        if decoded is None:
            raise ValueError(f"photo {index} cannot be decoded")
        return np.ascontiguousarray(decoded[..., ::-1], dtype=np.uint8)


def random_crop(photo: Pixels, settings: DataSettings, rng: np.random.Generator) -> Floats:
    """A square of `crop_px` at a random scale and place, mirrored half of the time: (S, S, 3) float32 in [0, 1]."""
    size = settings.crop_px
    smallest = size / min(photo.shape[:2])  # the scale at which the crop just fits
    scale = max(smallest, rng.uniform(settings.scale_min, settings.scale_max))
    # crop first, scale after: only what is kept is resampled
    side = min(*photo.shape[:2], max(1, round(size / scale)))
    y = int(rng.integers(photo.shape[0] - side + 1))
    x = int(rng.integers(photo.shape[1] - side + 1))
    crop = photo[y : y + side, x : x + side]
    if side != size:
        crop = np.asarray(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA if side > size else 2), np.uint8)
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    return np.ascontiguousarray(crop, dtype=np.float32) / np.float32(255)


def draw_batch(
    photos: Sequence[Pixels], masks: Mixture, settings: DataSettings, batch: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """A batch of crops (B, 3, S, S) in [0, 1] and their masks (B, 1, S, S), 1 in the hole."""
    size = settings.crop_px
    crops = np.empty((batch, 3, size, size), np.float32)
    holes = np.empty((batch, 1, size, size), np.float32)
    for row in range(batch):
        crop = random_crop(photos[int(rng.integers(len(photos)))], settings, rng)
        crops[row] = crop.transpose(2, 0, 1)
        holes[row, 0] = masks((size, size), rng)
    return crops, holes
