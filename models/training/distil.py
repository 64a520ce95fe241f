"""Distillation: a larger generator fills the same holes, and its fills are learned from (G. Hinton et al., arXiv 1503.02531)."""

from __future__ import annotations

import torch
from torch import Tensor

from models.training.features import Features
from models.training.loss_settings import DistilSettings
from models.training.losses import feature_distance, masked_l1
from models.weights import load_weights


class Teacher:
    """A generator with fixed weights. Raises WeightsNotFound, WeightsInvalid; ValueError for other than 4 → 3 channels."""

    def __init__(self, settings: DistilSettings, device: torch.device, encoder: Features | None) -> None:
        weights = load_weights(settings.teacher)
        if (weights.config.input_nc, weights.config.output_nc) != (4, 3):
            raise ValueError(f"distil.teacher: {settings.teacher} is no inpainting generator")
        self._network = weights.build().to(device).requires_grad_(False)
        self._settings, self._encoder = settings, encoder

    def parts(self, prediction: Tensor, truth: Tensor, mask: Tensor) -> dict[str, tuple[Tensor, float]]:
        """Differences to the teacher's fills, with their weights. Shapes as in `losses`."""
        with torch.no_grad():
            taught = self._network(torch.cat([truth * (1 - mask), mask], dim=1)).float()
        found: dict[str, tuple[Tensor, float]] = {}
        if self._settings.l1:
            found["distil_l1"] = (masked_l1(prediction, taught, mask), self._settings.l1)
        if self._settings.perceptual and self._encoder is not None:
            made = self._encoder.features(torch.lerp(truth, prediction, mask))
            with torch.no_grad():
                wanted = self._encoder.features(torch.lerp(truth, taught, mask))
            distance = feature_distance([f.float() for f in made], [f.float() for f in wanted]).mean()
            found["distil_perceptual"] = (distance, self._settings.perceptual)
        return found
