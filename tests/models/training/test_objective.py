from __future__ import annotations

import pytest
import torch

from models.training.loss_settings import LossSettings
from models.training.losses import masked_l1
from models.training.objective import Objective, total_of

PLAIN = {"l1_hole": 2, "l1_known": 3, "l1_over": "region", "hrf": 0}


def case():
    generator = torch.Generator().manual_seed(0)
    truth, prediction = (torch.rand(2, 3, 48, 48, generator=generator) for _ in range(2))
    mask = torch.zeros(2, 1, 48, 48)
    mask[..., 10:30, 12:40] = 1
    return prediction, truth, mask


def test_the_total_is_the_weighted_sum():
    prediction, truth, mask = case()
    parts = Objective(LossSettings(**PLAIN))(prediction, truth, mask)
    expected = 2 * masked_l1(prediction, truth, mask) + 3 * masked_l1(prediction, truth, 1 - mask)
    torch.testing.assert_close(total_of(parts), expected)
    assert parts.keys() == {"l1_hole", "l1_known"}


def test_lama_s_l1_counts_known_pixels_over_all(resnet):
    prediction, truth, mask = case()
    settings = LossSettings(hrf_encoder={"network": "resnet50-dilated", "weights": resnet})
    parts = Objective(settings)(prediction, truth, mask)
    assert {name: weight for name, (_, weight) in parts.items()} == {"l1_hole": 0, "l1_known": 10, "hrf": 30}
    expected = ((prediction - truth).abs() * (1 - mask)).mean()
    torch.testing.assert_close(parts["l1_known"][0], expected)


@pytest.mark.parametrize("name", ["perceptual", "style", "hrf"])
@pytest.mark.parametrize("picture", ["composite", "prediction"])
def test_feature_losses_see_the_picture_that_is_asked_for(encoder, name, picture):
    prediction, truth, mask = case()
    settings = {**PLAIN, name: 1.0, "picture": picture, "encoder": encoder, "hrf_encoder": encoder}
    objective = Objective(LossSettings(**settings))
    prediction.requires_grad_(True)
    value, weight = objective(prediction, truth, mask, (3, 5))[name]
    value.backward()
    outside = (prediction.grad * (1 - mask)).abs().max()
    assert weight == 1 and value > 0 and (prediction.grad * mask).abs().max() > 0
    assert (outside == 0) == (picture == "composite")
    assert objective(truth, truth, mask)[name][0].abs() < 1e-6


def test_gradients_reach_over_the_frontier_only(encoder):
    _, truth, mask = case()
    parts = Objective(LossSettings(**PLAIN, gradient=1))(truth + 0.1, truth, mask)
    flat = Objective(LossSettings(**PLAIN, gradient=1))(truth + 0.1, truth, torch.ones_like(mask))
    assert parts["gradient"][0] > flat["gradient"][0]
    assert flat["gradient"][0] == pytest.approx(0, abs=1e-6)
