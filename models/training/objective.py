"""The weighted sum of losses against the truth that a run minimises."""

from __future__ import annotations

import torch
from torch import Tensor

from models.training.features import Features, feature_network
from models.training.loss_settings import LossSettings
from models.training.losses import (
    feature_distance,
    feature_mse,
    gradient_l1,
    grain_excess,
    grain_spectrum,
    grid_amplitude,
    masked_l1,
    phase_imbalance,
    style_distance,
)

Parts = dict[str, tuple[Tensor, float]]


class Objective:
    """`objective(prediction, truth, mask)` -> the losses before weighting, each with its weight.

    What the feature losses see is `loss.picture`.
    """

    SHIFT = 8  # px: the encoder's pooling, and the generator's down-sampling

    def __init__(self, settings: LossSettings, device: torch.device | str = "cpu") -> None:
        self._settings = settings
        self.encoder = None if settings.encoder is None else feature_network(settings.encoder, device)
        hrf = settings.hrf_encoder if settings.hrf else None
        self._hrf = None if hrf is None else feature_network(hrf, device)

    def picture(self, prediction: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
        """What perceptual losses and the critic see: the composite, or the bare prediction."""
        return torch.lerp(truth, prediction, mask) if self._settings.picture == "composite" else prediction

    def __call__(self, prediction: Tensor, truth: Tensor, mask: Tensor, shift: tuple[int, int] = (0, 0)) -> Parts:
        """`shift`: rows and columns that are cut off before the feature networks, 0 to 7, to be drawn anew at each step.

        The generator and the encoder both have a grid of 8 px; while the two coincide, a pattern that repeats with the
        grid falls on the same phase of every pooling and costs little. That is how checkerboards survive.
        """
        weights = self._settings
        parts: Parts = {
            "l1_hole": (masked_l1(prediction, truth, mask, weights.l1_over), weights.l1_hole),
            "l1_known": (masked_l1(prediction, truth, 1 - mask, weights.l1_over), weights.l1_known),
        }
        if weights.gradient:
            composite = torch.lerp(truth, prediction, mask)
            parts["gradient"] = (gradient_l1(composite, truth, mask), weights.gradient)
        if weights.grid:
            parts["grid"] = (grid_amplitude(prediction, mask), weights.grid)
        if weights.phases:
            parts["phases"] = (phase_imbalance(prediction, mask), weights.phases)
        if weights.excess:
            composite = torch.lerp(truth, prediction, mask)
            parts["excess"] = (grain_excess(composite, truth, mask), weights.excess)
        if weights.spectrum:
            composite = torch.lerp(truth, prediction, mask)
            parts["spectrum"] = (grain_spectrum(composite, truth, mask), weights.spectrum)
        y, x = shift
        seen, wanted = self.picture(prediction, truth, mask)[..., y:, x:], truth[..., y:, x:]
        if self.encoder is not None and (weights.perceptual or weights.style):
            made, real = _both(self.encoder, seen, wanted)
            if weights.perceptual:
                parts["perceptual"] = (feature_distance(made, real).mean(), weights.perceptual)
            if weights.style:
                parts["style"] = (style_distance(made, real).mean(), weights.style)
        if self._hrf is not None:
            parts["hrf"] = (feature_mse(*_both(self._hrf, seen, wanted)), weights.hrf)
        return parts


def total_of(parts: Parts) -> Tensor:
    """The weighted sum."""
    return torch.stack([value * weight for value, weight in parts.values()]).sum()


def _both(network: Features, made: Tensor, real: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    found = [f.float() for f in network.features(made)]
    with torch.no_grad():
        return found, [f.float() for f in network.features(real)]
