from __future__ import annotations

import pytest
import torch

from models.training.losses import Encoder, feature_distance, gradient_l1, masked_l1, style_distance

LOSSES = [feature_distance, style_distance]


def test_encoder_gives_the_asked_layers_at_their_scales(encoder):
    features = Encoder(encoder).features(torch.rand(2, 3, 32, 48))
    assert [tuple(f.shape[2:]) for f in features] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert len(Encoder(encoder).features(torch.rand(1, 3, 32, 32), ("31",))) == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_feature_losses_are_zero_for_equals_and_have_gradients(loss, encoder):
    net = Encoder(encoder)
    a, b = torch.rand(2, 3, 32, 32, requires_grad=True), torch.rand(2, 3, 32, 32)
    same = loss(net.features(b), net.features(b))
    assert same.shape == (2,) and same.abs().max() < 1e-6
    value = loss(net.features(a), net.features(b)).sum()
    value.backward()
    assert value > 0 and torch.isfinite(a.grad).all() and a.grad.abs().max() > 0


def test_feature_distance_equals_its_definition():
    a, b = [torch.rand(1, 3, 2, 2), torch.rand(1, 5, 1, 1)], [torch.rand(1, 3, 2, 2), torch.rand(1, 5, 1, 1)]
    expected = 0.0
    for x, y in zip(a, b, strict=True):
        positions = [(i, j) for i in range(x.shape[2]) for j in range(x.shape[3])]
        for i, j in positions:
            u, v = x[0, :, i, j], y[0, :, i, j]
            expected += float(((u / u.norm() - v / v.norm()) ** 2).sum()) / len(positions)
    assert float(feature_distance(a, b)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", [masked_l1, gradient_l1])
def test_only_masked_pixels_count(loss):
    truth, prediction = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    mask = torch.zeros(1, 1, 8, 8)
    assert loss(prediction, truth, mask) == 0
    mask[..., 2:5, 2:5] = 1
    mixed = truth.clone()
    mixed[..., 6:, :] = 0
    assert loss(mixed, truth, mask) == 0
    assert loss(prediction, truth, mask) > 0


def test_l1_is_a_mean_and_gradient_ignores_a_shift_in_colour():
    truth, mask = torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8)
    assert float(masked_l1(truth + 0.25, truth, mask)) == pytest.approx(0.25)
    assert float(gradient_l1(truth + 0.25, truth, mask)) == pytest.approx(0, abs=1e-6)
