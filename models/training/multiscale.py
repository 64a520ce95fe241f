"""Consistency between scales: a hole filled in a photo and in a smaller copy of it should be filled alike.

A generator fills best near the size that it was trained at; fine-tuned for agreement, what it does at one scale carries
over to others. In the hole the loss is the weighted difference of the outputs, brought to the smallest scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.training.loss_settings import MultiscaleSettings
from models.training.losses import masked_l1


@dataclass(frozen=True)
class Scaled:
    """A batch at one scale: truth and prediction (B, 3, h, w), mask (B, 1, h, w)."""

    truth: Tensor
    mask: Tensor
    prediction: Tensor


def at_scales(
    generator: Callable[[Tensor], Tensor], first: Scaled, settings: MultiscaleSettings, multiple: int = 8
) -> list[Scaled]:
    """The batch, filled once more at each scale; `first` is the one at scale 1, and is used again where asked for.

    multiple: sides are multiples of it (px), as the generator wants.
    """
    found = []
    for scale in settings.scales:
        if scale == 1:
            found.append(first)
            continue
        height, width = (max(multiple, multiple * round(side * scale / multiple)) for side in first.truth.shape[-2:])
        truth = F.interpolate(first.truth, (height, width), mode="area")
        # a pixel with any part in the hole belongs to it: what remains known was wholly known
        mask = (F.interpolate(first.mask, (height, width), mode="area") > 0).to(first.mask.dtype)
        prediction = generator(torch.cat([truth * (1 - mask), mask], dim=1)).float()
        found.append(Scaled(truth, mask, prediction))
    return found


def inconsistency(scaled: list[Scaled], settings: MultiscaleSettings) -> Tensor:
    """Weighted mean over neighbouring scales of the absolute difference in the hole, at the smallest scale."""
    smallest = scaled[-1]
    size = (smallest.truth.shape[-2], smallest.truth.shape[-1])
    brought = [F.interpolate(one.prediction, size, mode="area") for one in scaled]
    weights = settings.weights or (1.0,) * (len(scaled) - 1)
    pairs = []
    for weight, fine, coarse in zip(weights, brought[:-1], brought[1:], strict=True):
        target = coarse.detach() if settings.toward == "coarse" else coarse
        pairs.append(weight * masked_l1(fine, target, smallest.mask))
    return torch.stack(pairs).sum() / max(sum(weights), 1e-8)
