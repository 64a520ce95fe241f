from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from models.training.vgg import BLOCKS
from models.zoo.partial_conv_training import masked_mse, perceptual, style, total_variation
from models.zoo.recipe import Batch
from models.zoo.training import ZooTrainer


@pytest.fixture
def encoder(tmp_path):
    generator = torch.Generator().manual_seed(0)
    tensors, channels = {}, 3
    for name in ["0", *(name for block in BLOCKS for name in block)]:
        width, kernel = (3, 1) if name == "0" else (4, 3)
        tensors[f"conv{name}.weight"] = torch.randn(width, channels, kernel, kernel, generator=generator) / 3
        tensors[f"conv{name}.bias"] = torch.zeros(width)
        channels = width
    save_file(tensors, tmp_path / "encoder.safetensors")
    return str(tmp_path / "encoder.safetensors")


def test_the_losses_are_their_formulas():
    rng = np.random.default_rng(0)
    made, truth = rng.random((2, 2, 3, 6, 7))
    mask = (rng.random((2, 1, 6, 7)) < 0.4).astype(float)
    tensors = [torch.from_numpy(each) for each in (made, truth, mask)]
    hole = np.broadcast_to(mask, made.shape) > 0
    assert float(masked_mse(*tensors)) == pytest.approx(((made - truth)[hole] ** 2).mean())
    maps = [rng.random((2, 2, c, 4, 5)) for c in (3, 8)]
    a, b = ([torch.from_numpy(pair[i]) for pair in maps] for i in (0, 1))
    assert float(perceptual(a, b)) == pytest.approx(sum(np.abs(x - y).mean() for x, y in maps))

    def gram(x):
        flat = x.reshape(2, x.shape[1], -1)
        return np.einsum("bcn,bdn->bcd", flat, flat) / flat[0].size

    assert float(style(a, b)) == pytest.approx(sum(np.abs(gram(x) - gram(y)).mean() for x, y in maps))


def test_total_variation_is_of_the_hole_and_one_pixel_around_it():
    picture, mask = torch.zeros(1, 3, 9, 9), torch.zeros(1, 1, 9, 9)
    mask[..., 3:6, 3:6] = 1
    assert float(total_variation(picture, mask)) == 0
    picture[..., 0:2, :] = 1  # a step between rows 1 and 2: outside
    assert float(total_variation(picture, mask)) == 0
    picture[..., 2, 4] = 1  # the ring's pixel differs from three neighbours in the region
    assert float(total_variation(picture, mask)) == pytest.approx(3 * 3 / (3 * 81))


def test_the_full_loss_has_all_its_parts(tiny, encoder, tmp_path):
    settings = tiny(
        network={"widths": [4]},
        data={"photos": tiny().data.photos, "crop_px": 32},
        loss={"kind": "full", "encoder": encoder},
        steps=1,
    )
    said = ZooTrainer(settings, tmp_path / "out").train_step()
    assert set(said) == {"loss", "valid", "hole", "tv", "perceptual", "style"}
    weights = {"valid": 1, "hole": 6, "tv": 0.1, "perceptual": 0.05, "style": 120}
    assert said["loss"] == pytest.approx(sum(weight * said[name] for name, weight in weights.items()), rel=1e-4)


def test_the_published_defaults(tiny):
    settings = tiny()
    assert (settings.lr, settings.lr_drop, settings.lr_drop_epochs, settings.loss.kind) == (2e-4, 0.1, 10.0, "mse")


def test_what_does_not_fit_is_refused(tiny):
    with pytest.raises(ValidationError, match="encoder"):
        tiny(loss={"kind": "full"})
    with pytest.raises(ValidationError, match="multiple of 32"):
        tiny(network={"widths": [4] * 5})
    with pytest.raises(ValidationError, match="nonsense"):
        tiny(nonsense=1)


def test_one_picture_can_be_learnt(tiny):
    torch.manual_seed(3)
    recipe = tiny(network={"widths": [8, 16]}, lr=1e-2).recipe(torch.device("cpu"))
    y, x = torch.meshgrid(torch.linspace(0, 1, 16), torch.linspace(0, 1, 16), indexing="ij")
    truth = torch.stack([x, y, (x > 0.5).float() * 0.8 + 0.1]).unsqueeze(0).repeat(2, 1, 1, 1)
    hole = torch.zeros(2, 1, 16, 16)
    hole[:, :, 4:11, 5:12] = 1
    batch = Batch(truth, hole, 0, np.random.default_rng(0), lambda: torch.autocast("cpu", enabled=False))
    errors = [float(recipe.train_step(batch)["loss"].detach()) for _ in range(60)]
    assert errors[-1] < 0.003 and errors[0] > 0.02
