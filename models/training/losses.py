"""Losses between a prediction and the truth. All take (B, 3, H, W) in [0, 1] and a mask (B, 1, H, W), 1 in the hole.

References
----------
[1] J. Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016.
[2] R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
[3] L. Gatys et al., "Texture Synthesis Using Convolutional Neural Networks", NeurIPS 2015.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

BLOCKS = (("11", "12"), ("21", "22"), ("31", "32", "33", "34"), ("41", "42", "43", "44"), ("51",))
LAYERS = ("12", "22", "34", "44", "51")


class Encoder:
    """VGG19 up to conv5_1 of any width, from safetensors with the keys `conv0` (a 1 × 1 colour transform of RGB in
    [0, 1]) and `conv11` … `conv51` (3 × 3, reflection padding, ReLU; 2 × 2 max-pool between the blocks).

    Raises FileNotFoundError, KeyError when a layer is missing.
    """

    def __init__(self, path: Path, device: torch.device | str = "cpu") -> None:
        tensors = load_file(path)
        names = ["0", *(name for block in BLOCKS for name in block)]
        self._layers: Mapping[str, tuple[Tensor, Tensor]] = {
            name: (tensors[f"conv{name}.weight"].to(device), tensors[f"conv{name}.bias"].to(device)) for name in names
        }

    def features(self, image: Tensor, layers: Sequence[str] = LAYERS) -> list[Tensor]:
        """Features after the ReLU of each of `layers` (B, C, h, w), in the network's order."""
        found = []
        x = F.conv2d(image, *self._layers["0"])
        for number, block in enumerate(BLOCKS):
            if number:
                x = F.max_pool2d(x, 2)
            for name in block:
                x = torch.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), "reflect"), *self._layers[name]))
                if name in layers:
                    found.append(x)
        return found


def unit(features: Tensor) -> Tensor:
    """Each position divided by its channel norm [2]."""
    norm: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / (norm + 1e-8)


def feature_distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Sum over layers of the mean over positions of ‖unit(a) − unit(b)‖² [2]: (B,)."""
    return torch.stack([(unit(x) - unit(y)).square().sum(1).mean((1, 2)) for x, y in zip(a, b, strict=True)]).sum(0)


def style_distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Sum over layers of ‖G(a) − G(b)‖² / ‖G(b)‖², G the Gram matrix of the channels [3]: (B,)."""

    def gram(x: Tensor) -> Tensor:
        flat = x.flatten(2)
        return flat @ flat.transpose(1, 2) / flat.shape[2]

    def one(x: Tensor, y: Tensor) -> Tensor:
        target = gram(y)
        return (gram(x) - target).square().sum((1, 2)) / (target.square().sum((1, 2)) + 1e-8)

    return torch.stack([one(x, y) for x, y in zip(a, b, strict=True)]).sum(0)


def masked_l1(prediction: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference where `mask` is 1."""
    weight = mask.expand_as(truth)
    return ((prediction - truth).abs() * weight).sum() / weight.sum().clamp(min=1)


def gradient_l1(prediction: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """`masked_l1` of the horizontal and vertical differences of neighbours: edges, whatever the colour."""

    def steps(x: Tensor) -> tuple[Tensor, Tensor]:
        return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]

    masks = (torch.maximum(mask[..., 1:], mask[..., :-1]), torch.maximum(mask[..., 1:, :], mask[..., :-1, :]))
    parts = [masked_l1(p, t, m) for p, t, m in zip(steps(prediction), steps(truth), masks, strict=True)]
    return parts[0] + parts[1]
