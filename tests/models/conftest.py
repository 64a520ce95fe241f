"""Small generators with random but lively values: running statistics, scales and offsets that are not 0 and 1."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from models.lama import Lama, LamaConfig
from models.weights import Weights

TINY = LamaConfig(ngf=4, n_blocks=2, max_features=32)


@pytest.fixture(scope="session")
def tiny_model() -> Callable[..., Lama]:
    def make(config: LamaConfig = TINY, seed: int = 0) -> Lama:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = Lama(config)
            for module in model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    nn.init.uniform_(module.weight, 0.5, 1.5)
                    nn.init.uniform_(module.bias, -0.2, 0.2)
                    nn.init.uniform_(module.running_mean, -0.2, 0.2)
                    nn.init.uniform_(module.running_var, 0.2, 1.0)
        return model.eval()

    return make


@pytest.fixture
def tiny_weights(tiny_model: Callable[..., Lama]) -> Weights:
    return Weights("tiny", TINY, tiny_model().state_dict(), "0" * 64)
