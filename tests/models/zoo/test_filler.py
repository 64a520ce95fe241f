from __future__ import annotations

import numpy as np
import pytest
import torch

from models.training.loss_settings import Frozen
from models.zoo.filler import Given, NetworkFiller, image_of, tensors_of


class Options(Frozen):
    strength: float = 1.0


def mean_of(image, hole):
    """Fills with the mean of what is known."""
    known = 1 - hole
    colour = (image * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)
    return torch.lerp(image, colour.expand_as(image), hole)


def test_pictures_are_padded_and_cut_back():
    seen = []

    def predict(image, hole):
        seen.append((tuple(image.shape), tuple(hole.shape), torch.is_grad_enabled()))
        return mean_of(image, hole) + 10 * (image > 0.5)

    rng = np.random.default_rng(0)
    crops = [rng.random((h, w, 3), np.float32) for h, w in ((9, 17), (16, 16), (3, 40))]
    masks = [rng.random(crop.shape[:2]) < 0.3 for crop in crops]
    filler = NetworkFiller(Given("mean", device="cpu"), predict, 16)
    made = filler.fill(crops, masks)
    sides = [(16, 32), (16, 16), (16, 48)]
    assert seen == [((1, 3, h, w), (1, 1, h, w), False) for h, w in sides]
    for one, crop, mask in zip(made, crops, masks, strict=True):
        assert one.shape == crop.shape and one.dtype == np.float32 and 0 <= one.min() <= one.max() <= 1
        hidden = np.where(mask[..., None], np.float32(0.9), crop)
        assert np.array_equal(filler.fill([hidden], [mask])[0], one)


def test_tensors_mirror_the_picture_and_hide_its_hole():
    crop = np.arange(5 * 6 * 3, dtype=np.float32).reshape(5, 6, 3) / 90
    mask = np.zeros((5, 6), bool)
    mask[1:3, 2:4] = True
    image, hole = tensors_of(crop, mask, 8, torch.device("cpu"))
    assert image.shape == (1, 3, 8, 8) and hole.shape == (1, 1, 8, 8)
    assert not (image * hole).any()
    assert torch.equal(image[..., :5, 6], image[..., :5, 5]) and torch.equal(image[..., 5, :6], image[..., 4, :6])
    assert np.array_equal(image_of(image[0])[:5, :6], np.where(mask[..., None], 0, crop))


def test_options_are_checked_and_what_is_allowed_is_said():
    assert Given("x", options={"strength": 2}).chosen(Options).strength == 2
    with pytest.raises(ValueError, match=r"x: option strong: .*there are strength"):
        Given("x", options={"strong": 2}).chosen(Options)


def test_what_decides_bytes_is_said():
    bf16 = NetworkFiller(Given("mean", device="cpu", precision="bf16"), mean_of)
    plain = NetworkFiller(Given("mean", device="cpu"), mean_of)
    assert (bf16.info.precision, plain.info.precision, plain.info.device) == ("bf16", "fp32", "cpu")
    assert plain.info.weights_sha256 == ""


def test_arrays_of_another_kind_are_refused():
    filler = NetworkFiller(Given("mean", device="cpu"), mean_of)
    with pytest.raises(ValueError):
        filler.fill([np.zeros((4, 4, 3), np.uint8)], [np.zeros((4, 4), bool)])
    with pytest.raises(ValueError):
        filler.fill([np.zeros((4, 4, 3), np.float32)], [])
