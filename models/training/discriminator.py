"""Discriminators: PatchGAN, P. Isola et al., arXiv 1611.07004, with the paddings of pix2pixHD as LaMa uses it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.training.loss_settings import DiscriminatorSettings

MAX_FEATURES = 512
SHAPES = {"patch": (64, 4), "small": (32, 3)}  # ndf, n_layers


@dataclass(frozen=True)
class DiscriminatorConfig:
    """What decides the shape of the network: channels after the first layer, layers before the last, the norm."""

    ndf: int
    n_layers: int
    norm: str


def config_of(settings: DiscriminatorSettings, adversarial: str) -> DiscriminatorConfig:
    """The shape that settings ask for, with the values that they leave open; `adversarial` is the kind of loss."""
    ndf, layers = SHAPES[settings.kind]
    norm = settings.norm
    if norm == "auto":
        norm = "instance" if adversarial == "wasserstein" else "batch"
    return DiscriminatorConfig(settings.ndf or ndf, settings.n_layers or layers, norm)


class Discriminator(nn.Module):
    """RGB (B, 3, H, W) -> a score for each patch (B, 1, H/2^n + 3, …), n being `n_layers`, and the features before it.

    Convolutions 4 × 4 with padding 2; stride 2 except in the last two; LeakyReLU 0.2; no norm in the first and the last.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        width = config.ndf
        layers: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, width, 4, 2, 2), nn.LeakyReLU(0.2))]
        for number in range(1, config.n_layers + 1):
            before, width = width, min(2 * width, MAX_FEATURES)
            stride = 2 if number < config.n_layers else 1
            conv = nn.Conv2d(before, width, 4, stride, 2)
            layers.append(nn.Sequential(conv, *_norm(config.norm, width), nn.LeakyReLU(0.2)))
        layers.append(nn.Conv2d(width, 1, 4, 1, 2))
        self.layers = nn.ModuleList(layers)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Scores and the features of every layer but the last."""
        features = []
        for layer in self.layers:
            image = layer(image)
            features.append(image)
        return features[-1], features[:-1]


def seeded_discriminator(config: DiscriminatorConfig, seed: int) -> Discriminator:
    """A new discriminator; the same seed gives the same values, and other random states stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Discriminator(config)


def _norm(kind: str, width: int) -> list[nn.Module]:
    if kind == "none":
        return []
    return [nn.BatchNorm2d(width) if kind == "batch" else nn.InstanceNorm2d(width)]
