"""Batches: random crops of photos, with random holes."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from models.training.masks import Mixture
from models.training.photos import Pixels
from models.training.settings import DataSettings

Floats = npt.NDArray[np.float32]
TRIES = 20

log = logging.getLogger("lacuna.training")


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
    """A batch of crops (B, 3, S, S) in [0, 1] and their masks (B, 1, S, S), 1 in the hole.

    In place of a photo that cannot be read another one is drawn; raises ValueError after 20 such in a row.
    """
    size = settings.crop_px
    crops = np.empty((batch, 3, size, size), np.float32)
    holes = np.empty((batch, 1, size, size), np.float32)
    for row in range(batch):
        crop = random_crop(_draw(photos, rng), settings, rng)
        crops[row] = crop.transpose(2, 0, 1)
        holes[row, 0] = masks((size, size), rng)
    return crops, holes


def _draw(photos: Sequence[Pixels], rng: np.random.Generator) -> Pixels:
    for _ in range(TRIES):
        try:
            return photos[int(rng.integers(len(photos)))]
        except (ValueError, OSError) as error:
            log.warning("left out: %s", error)
    raise ValueError(f"{TRIES} photos in a row cannot be read")
