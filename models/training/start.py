"""The generator that a run begins with."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from models.lama import Lama, LamaConfig, up_at
from models.training.settings import NetworkSettings
from models.weights import Weights, load_weights

FIRST_NOISE = 0.1  # of a map's own size, where a generator without noise is given some


def start_model(settings: NetworkSettings, seed: int) -> Lama:
    """A new generator with seeded values, or one that goes on from `settings.start`.

    Raises WeightsNotFound, and ValueError when the start has another shape.
    """
    config = LamaConfig(**settings.model_dump(exclude={"start", "skip_lr"}))
    if settings.start is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Lama(config)
    weights = load_weights(settings.start)
    if weights.config.up_kernel < config.up_kernel:
        weights = widen_up(weights)
    if config.skip and not weights.config.skip:
        weights = add_skips(weights)
    if config.noise and not weights.config.noise:
        weights = add_noise(weights, seed)
    if weights.config != config:
        raise ValueError(f"the start has {weights.config}, the settings ask for {config}")
    return weights.build().requires_grad_(True)


def widen_up(weights: Weights) -> Weights:
    """The same function with 4 × 4 up-sampling kernels: the fourth row and column are zeros."""
    names = {f"model.{up_at(weights.config, level)}.weight" for level in range(weights.config.n_downsampling)}

    def widen(name: str, tensor: Tensor) -> Tensor:
        return nn.functional.pad(tensor, (0, 1, 0, 1)) if name in names else tensor

    tensors = {name: widen(name, tensor) for name, tensor in weights.tensors.items()}
    return replace(weights, config=replace(weights.config, up_kernel=4), tensors=tensors)


def add_skips(weights: Weights) -> Weights:
    """The same function with the maps on the way down added to those on the way up, times zero."""
    config = replace(weights.config, skip=True)
    widths = [config.features(level) for level in range(config.n_downsampling)]
    skips = {f"skips.{level}.weight": torch.zeros(width, width, 1, 1) for level, width in enumerate(widths)}
    return replace(weights, config=config, tensors=dict(weights.tensors) | skips)


def add_noise(weights: Weights, seed: int) -> Weights:
    """The same function with a little noise on the way up: none at all would be a saddle, where no sign is better."""
    config = replace(weights.config, noise=True)
    generator = torch.Generator().manual_seed(seed)
    widths = [config.features(level) for level in range(config.n_downsampling)]
    strengths = {
        f"noise.strengths.{level}.weight": torch.randn((width, width, 1, 1), generator=generator)
        * FIRST_NOISE
        / width**0.5
        for level, width in enumerate(widths)
    }
    return replace(weights, config=config, tensors=dict(weights.tensors) | strengths)
