"""The generator that a run begins with."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from models.lama import Lama, LamaConfig
from models.training.settings import NetworkSettings
from models.weights import Weights, load_weights


def start_model(settings: NetworkSettings, seed: int) -> Lama:
    """A new generator with seeded values, or one that goes on from `settings.start`.

    Raises WeightsNotFound, and ValueError when the start has another shape.
    """
    config = LamaConfig(**settings.model_dump(exclude={"start"}))
    if settings.start is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Lama(config)
    weights = load_weights(settings.start)
    if weights.config.up_kernel < config.up_kernel:
        weights = widen_up(weights)
    if weights.config != config:
        raise ValueError(f"the start has {weights.config}, the settings ask for {config}")
    return weights.build().requires_grad_(True)


def widen_up(weights: Weights) -> Weights:
    """The same function with 4 × 4 up-sampling kernels: the fourth row and column are zeros."""
    first_up = 2 + weights.config.n_downsampling + weights.config.n_blocks + 1
    names = {f"model.{first_up + 3 * level}.weight" for level in range(weights.config.n_downsampling)}

    def widen(name: str, tensor: Tensor) -> Tensor:
        return nn.functional.pad(tensor, (0, 1, 0, 1)) if name in names else tensor

    tensors = {name: widen(name, tensor) for name, tensor in weights.tensors.items()}
    return replace(weights, config=replace(weights.config, up_kernel=4), tensors=tensors)
