from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from models.zoo.recipe import Batch, Recipe
from models.zoo.registry import load_filler
from models.zoo.weights import save_zoo_weights


@pytest.fixture
def recipe(tiny) -> Recipe:
    torch.manual_seed(0)
    return tiny().recipe(torch.device("cpu"))


def test_a_step_changes_the_network_and_says_its_loss(recipe):
    before = {name: value.clone() for name, value in recipe.network.state_dict().items()}
    mask = torch.zeros(2, 1, 16, 16)
    mask[..., 4:9, 5:11] = 1

    def autocast():
        return torch.autocast("cpu", enabled=False)

    said = recipe.train_step(Batch(torch.rand(2, 3, 16, 16), mask, 0, np.random.default_rng(0), autocast))
    assert next(iter(said)) == "loss" and float(said["loss"].detach()) > 0
    assert any(not torch.equal(value, before[name]) for name, value in recipe.network.state_dict().items())


def test_what_is_exported_fills_as_the_recipe_does(recipe, home):
    assert json.loads(json.dumps(dict(recipe.config))) == dict(recipe.config)
    network = recipe.network.eval()
    save_zoo_weights(home / "mine.safetensors", "partial-conv", recipe.config, network.state_dict(), {})
    rng = np.random.default_rng(0)
    crop, mask = rng.random((16, 16, 3), np.float32), rng.random((16, 16)) < 0.3
    loaded = load_filler("mine", "cpu", options={"deepest_px": None})
    assert np.array_equal(loaded.fill([crop], [mask])[0], recipe.filler(network).fill([crop], [mask])[0])
