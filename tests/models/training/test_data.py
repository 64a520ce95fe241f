from __future__ import annotations

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.training.data import Photos, draw_batch, random_crop
from models.training.masks import training_masks
from models.training.settings import DataSettings


def test_a_folder_and_a_parquet_file_hold_the_same_photos(photos, tmp_path):
    folder = Photos(photos)
    encoded = [path.read_bytes() for path in sorted(photos.iterdir())]
    pq.write_table(pa.table({"webp": encoded}), tmp_path / "p.parquet")
    table = Photos(tmp_path / "p.parquet")
    assert len(folder) == len(table) == 3
    assert all(np.array_equal(a, b) for a, b in zip(folder, table, strict=True))
    assert folder[0].shape == (48, 64, 3) and folder[0].dtype == np.uint8


def test_colours_are_red_green_blue(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((4, 4, 3), (0, 0, 200), np.uint8))
    assert Photos(tmp_path)[0][0, 0].tolist() == [200, 0, 0]


def test_no_photos_and_no_picture_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        Photos(tmp_path)
    for data in (b"", b"junk"):
        (tmp_path / "x.png").write_bytes(data)
        with pytest.raises(ValueError, match="decoded"):
            Photos(tmp_path)[0]


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
