from __future__ import annotations

import logging

import numpy as np
import pytest

from models.training.data import draw_batch, random_crop
from models.training.masks import training_masks
from models.training.photos import Photos
from models.training.settings import DataSettings


@pytest.mark.parametrize("size", [(48, 64), (16, 200), (300, 33)])
def test_a_crop_always_fits(size):
    settings = DataSettings(photos="x", crop_px=48)
    photo = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    for seed in range(10):
        crop = random_crop(photo, settings, np.random.default_rng(seed))
        assert crop.shape == (48, 48, 3) and crop.dtype == np.float32
        assert crop.min() >= 0 and crop.max() <= 1


def test_batches_are_seeded(photos):
    settings = DataSettings(photos=photos, crop_px=48)
    one, two, other = (
        draw_batch(Photos(photos), training_masks(48), settings, 4, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert one[0].shape == (4, 3, 48, 48) and one[1].shape == (4, 1, 48, 48)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0], other[0])
    assert set(np.unique(one[1])) == {0, 1}


def test_a_bad_photo_is_left_out_and_only_bad_ones_are_an_error(photos, caplog):
    (photos / "0.png").write_bytes(b"junk")
    (photos / "1.png").unlink()
    settings = DataSettings(photos=photos, crop_px=48)
    (photos / "9.png").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        crops, _ = draw_batch(Photos(photos), training_masks(48), settings, 6, np.random.default_rng(0))
    assert len(crops) == 6 and "0.png" in caplog.text
    (photos / "2.png").unlink()
    with pytest.raises(ValueError, match="in a row"):
        draw_batch(Photos(photos), training_masks(48), settings, 1, np.random.default_rng(0))
