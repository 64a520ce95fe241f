"""The weighted sum of losses that a run minimises."""

from __future__ import annotations

import torch
from torch import Tensor

from models.training.losses import Encoder, feature_distance, gradient_l1, masked_l1, style_distance
from models.training.settings import LossSettings


class Objective:
    """`objective(prediction, truth, mask)` -> the loss and its parts before weighting.

    Feature losses see the composited picture: known pixels are exact in the product, so they should be here too.
    """

    SHIFT = 8  # px: the encoder's pooling, and the generator's down-sampling

    def __init__(self, settings: LossSettings, device: torch.device | str = "cpu") -> None:
        self._settings = settings
        needed = settings.encoder if settings.perceptual or settings.style else None
        self._encoder = None if needed is None else Encoder(needed, device)

    def __call__(
        self, prediction: Tensor, truth: Tensor, mask: Tensor, shift: tuple[int, int] = (0, 0)
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """`shift`: rows and columns that are cut off before the encoder, 0 to 7, to be drawn anew at each step.

        The generator and the encoder both have a grid of 8 px; while the two coincide, a pattern that repeats with the
        grid falls on the same phase of every pooling and costs little. That is how checkerboards survive.
        """
        weights = self._settings
        parts = {
            "l1_hole": masked_l1(prediction, truth, mask),
            "l1_known": masked_l1(prediction, truth, 1 - mask),
        }
        composite = torch.lerp(truth, prediction, mask)
        if weights.gradient:
            parts["gradient"] = gradient_l1(composite, truth, mask)
        if self._encoder is not None:
            y, x = shift
            made = [f.float() for f in self._encoder.features(composite[..., y:, x:])]
            with torch.no_grad():
                real = [f.float() for f in self._encoder.features(truth[..., y:, x:])]
            parts["perceptual"] = feature_distance(made, real).mean()
            if weights.style:
                parts["style"] = style_distance(made, real).mean()
        total = torch.stack([part * getattr(weights, name) for name, part in parts.items()]).sum()
        return total, parts
