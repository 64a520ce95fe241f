from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from models.engine import Engine
from models.inpainter import GOOD_SIDE_PX, Inpainter, load_inpainter
from models.training.masks import stroke_masks

WHITE = {np.uint8: 255, np.uint16: 65535, np.float32: 1}


@pytest.fixture
def inpainter(tiny_weights) -> Inpainter:
    return Inpainter(Engine(tiny_weights, device="cpu"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("seed", range(3))
def test_outside_the_mask_nothing_changes(inpainter, dtype, seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(3, 90, 2))
    image = (rng.random((*shape, 3)) * WHITE[dtype]).astype(dtype)
    mask = rng.random(shape) < 0.3
    before = image.copy()
    result = inpainter(image, mask)
    assert result.dtype == dtype and result.shape == image.shape
    assert np.array_equal(result[~mask], image[~mask])
    assert np.array_equal(image, before)
    assert not np.shares_memory(result, image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_empty_mask_gives_a_copy(inpainter, dtype):
    image = np.ones((9, 9, 3), dtype)
    result = inpainter(image, np.zeros((9, 9), bool))
    assert np.array_equal(result, image) and result is not image


def test_a_small_hole_in_a_large_image_is_seen_at_full_size(inpainter):
    image = np.random.default_rng(0).integers(0, 255, (2000, 1500, 3), dtype=np.uint8)
    mask = np.zeros((2000, 1500), bool)
    mask[990:1000, 700:720] = True
    shapes = []
    fill = inpainter.engine.fill
    inpainter.engine.fill = lambda crops, masks: (shapes.append(masks[0].shape), fill(crops, masks))[1]
    inpainter(image, mask)
    mask[:] = False
    mask[100:1900, 100:1400] = True
    assert np.array_equal(inpainter(image, mask)[~mask], image[~mask])
    assert shapes[0] == (266, 276)
    assert max(shapes[1]) == GOOD_SIDE_PX


def test_arrays_of_another_kind_are_refused(inpainter):
    image, mask = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), bool)
    mask[2:4] = True
    for bad in (
        (image.astype(np.float64), mask),
        (image[..., 0], mask),
        (image, mask.astype(np.uint8)),
        (image, mask[:4]),
        (image, np.ones((8, 8), bool)),
        (np.full((8, 8, 3), 2, np.float32), mask),
        (np.full((8, 8, 3), np.nan, np.float32), mask),
    ):
        with pytest.raises(ValueError):
            inpainter(*bad)


def test_embedded_weights_fill_something_sensible():
    photo = skimage.data.astronaut()[::2, ::2]
    mask = stroke_masks("medium", 256, 0.1)(photo.shape[:2], np.random.default_rng(0))
    filled = load_inpainter("lama-small", device="cpu")(photo, mask)

    def psnr(fill):
        return -10 * np.log10(np.mean(((fill - photo.astype(float))[mask] / 255) ** 2))

    mean = np.broadcast_to(photo[~mask].mean(0), photo.shape)
    assert psnr(filled) > psnr(mean) + 1.5
