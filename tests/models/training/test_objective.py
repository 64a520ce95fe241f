from __future__ import annotations

import pytest
import torch

from models.training.objective import Objective
from models.training.settings import LossSettings

WEIGHTS = {"l1_hole": 4.0, "l1_known": 2.0, "gradient": 1.5, "perceptual": 0.5, "style": 0.25}


@pytest.mark.parametrize("shift", [(0, 0), (7, 3)])
def test_the_loss_is_the_weighted_sum_of_its_parts(encoder, shift):
    objective = Objective(LossSettings(**WEIGHTS, encoder=encoder))
    truth, prediction = torch.rand(2, 3, 48, 48), torch.rand(2, 3, 48, 48)
    mask = (torch.rand(2, 1, 48, 48) < 0.5).float()
    total, parts = objective(prediction, truth, mask, shift)
    assert set(parts) == set(WEIGHTS)
    assert float(total) == pytest.approx(sum(float(parts[name]) * WEIGHTS[name] for name in parts), rel=1e-5)


def test_known_pixels_are_exact_for_the_feature_losses(encoder):
    objective = Objective(LossSettings(perceptual=1, style=1, encoder=encoder))
    truth, mask = torch.rand(1, 3, 48, 48), torch.zeros(1, 1, 48, 48)
    _, parts = objective(torch.rand(1, 3, 48, 48), truth, mask)
    assert parts["perceptual"] < 1e-6 and parts["style"] < 1e-6 and parts["l1_known"] > 0.1


def test_parts_without_weight_are_not_computed(encoder):
    _, parts = Objective(LossSettings(encoder=encoder))(*torch.rand(3, 1, 3, 8, 8)[:2], torch.ones(1, 1, 8, 8))
    assert set(parts) == {"l1_hole", "l1_known"}
