"""The networks of EdgeConnect: a generator of edges, one of colours, and the discriminator that both are trained against.

References
----------
[1] K. Nazeri et al., "EdgeConnect: Generative Image Inpainting with Adversarial Edge Learning", arXiv 1901.00212.
[2] J. Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016: the generators' shape.
[3] T. Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018.
[4] P. Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017: 70 × 70 PatchGAN.

Module and parameter names are those of the official code (`encoder.1.weight_orig`, `middle.0.conv_block.5.bias`,
`decoder.7.weight` …), so that its state dicts load strictly; a spectrally normalised convolution keeps `weight_orig`,
`weight_u` and `weight_v` in place of `weight`. Instance norms have neither parameters nor running statistics.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

INIT_STD = 0.02  # of convolutions' weights [1], as in [4]


@dataclass(frozen=True)
class EdgeConnectConfig:
    """What decides the shape of both generators; the defaults are the official ones.

    width: channels after the first convolution, doubled by each of two down-samplings. blocks: residual blocks between.
    The edge generator then has 10,761,089 parameters, the inpainting generator 10,774,595. Raises ValueError.
    """

    width: int = 64
    blocks: int = 8

    def __post_init__(self) -> None:
        for name, low, high in (("width", 1, 256), ("blocks", 0, 32)):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions, the first dilated by 2, and the identity; no activation after the sum."""

    def __init__(self, channels: int, spectral: bool) -> None:
        super().__init__()

        def conv(dilation: int) -> nn.Module:
            made = nn.Conv2d(channels, channels, 3, dilation=dilation, bias=not spectral)
            return _spectral(made, spectral)

        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(2),
            conv(2),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            conv(1),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv_block(x)
        return out


class Generator(nn.Module):
    """Encoder (two down-samplings), dilated residual blocks, decoder [2]: (B, cin, H, W) -> (B, cout, H, W), unbounded.

    H and W are multiples of 4, at least 12 (reflection at the blocks' dilation). spectral: normalise every convolution but
    the last by its largest singular value [3].
    """

    def __init__(self, cin: int, cout: int, config: EdgeConnectConfig, *, spectral: bool) -> None:
        super().__init__()
        w = config.width

        def down(before: int, after: int) -> list[nn.Module]:
            conv = _spectral(nn.Conv2d(before, after, 4, stride=2, padding=1), spectral)
            return [conv, nn.InstanceNorm2d(after), nn.ReLU()]

        def up(before: int, after: int) -> list[nn.Module]:
            conv = _spectral(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), spectral)
            return [conv, nn.InstanceNorm2d(after), nn.ReLU()]

        first = _spectral(nn.Conv2d(cin, w, 7), spectral)
        self.encoder = nn.Sequential(
            nn.ReflectionPad2d(3), first, nn.InstanceNorm2d(w), nn.ReLU(), *down(w, 2 * w), *down(2 * w, 4 * w)
        )
        self.middle = nn.Sequential(*(ResidualBlock(4 * w, spectral) for _ in range(config.blocks)))
        self.decoder = nn.Sequential(*up(4 * w, 2 * w), *up(2 * w, w), nn.ReflectionPad2d(3), nn.Conv2d(w, cout, 7))
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.decoder(self.middle(self.encoder(x)))
        return out


class EdgeGenerator(Generator):
    """Grey, edges and mask (B, 3, H, W) -> the probability of an edge (B, 1, H, W). Grey is 1 in the hole, edges are 0."""

    def __init__(self, config: EdgeConnectConfig | None = None) -> None:
        super().__init__(3, 1, config or EdgeConnectConfig(), spectral=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(super().forward(x))


class InpaintGenerator(Generator):
    """RGB and edges (B, 4, H, W) -> RGB in [0, 1]. RGB is 1 in the hole; the edges are those of the whole image."""

    def __init__(self, config: EdgeConnectConfig | None = None) -> None:
        super().__init__(4, 3, config or EdgeConnectConfig(), spectral=False)

    def forward(self, x: Tensor) -> Tensor:
        return (torch.tanh(super().forward(x)) + 1) / 2


class Discriminator(nn.Module):
    """PatchGAN [4] of five spectrally normalised 4 × 4 convolutions, each output pixel of which sees 70 × 70 px.

    (B, cin, H, W) -> scores before the sigmoid (B, 1, H/8 − 2, W/8 − 2) and the features of all five layers; H, W ≥ 24.
    """

    def __init__(self, cin: int, width: int = 64) -> None:
        super().__init__()
        widths = [cin, width, 2 * width, 4 * width, 8 * width, 1]
        for number, (before, after) in enumerate(itertools.pairwise(widths), 1):
            stride = 2 if number <= 3 else 1
            conv = _spectral(nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=False), True)
            layers = [conv, nn.LeakyReLU(0.2)] if number < 5 else [conv]
            self.add_module(f"conv{number}", nn.Sequential(*layers))
        _initialise(self)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for layer in self.children():
            x = layer(x)
            features.append(x)
        return x, features


def _spectral(conv: nn.Conv2d | nn.ConvTranspose2d, wanted: bool) -> nn.Module:
    return spectral_norm(conv) if wanted else conv


def _initialise(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            weight = part.weight_orig if hasattr(part, "weight_orig") else part.weight
            assert isinstance(weight, Tensor)
            nn.init.normal_(weight.data, 0.0, INIT_STD)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
