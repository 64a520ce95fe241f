from __future__ import annotations

import math

import pytest
import torch

from models.zoo.edge_connect_losses import critic_loss, generator_loss, gram, l1_by_hole, matched, style


def test_scores_of_nought_cost_a_coin_toss() -> None:
    zero = torch.zeros(2, 1, 3, 3)
    assert float(critic_loss(zero, zero, "non_saturating")) == pytest.approx(math.log(2))
    assert float(generator_loss(zero, "non_saturating")) == pytest.approx(math.log(2))
    assert float(critic_loss(zero, zero, "hinge")) == 1 and float(generator_loss(zero, "hinge")) == 0


def test_non_saturating_is_the_cross_entropy_of_the_sigmoid() -> None:
    """As the official code writes it: BCE of sigmoid(score) with labels 1 and 0, half each."""
    real, fake = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0)).unbind()
    entropy = torch.nn.BCELoss()
    expected = (entropy(real.sigmoid(), torch.ones(1, 4, 4)) + entropy(fake.sigmoid(), torch.zeros(1, 4, 4))) / 2
    assert float(critic_loss(real, fake, "non_saturating")) == pytest.approx(float(expected), rel=1e-5)
    assert float(generator_loss(fake, "non_saturating")) == pytest.approx(
        float(entropy(fake.sigmoid(), torch.ones(1, 4, 4))), rel=1e-5
    )


def test_the_hinge_stops_at_its_margin() -> None:
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])
    # max(0, 1 − 2), max(0, 1 − 0.5); max(0, 1 − 3), max(0, 1 + 0)
    assert float(critic_loss(real, fake, "hinge")) == pytest.approx((0.25 + 0.5) / 2)
    assert float(generator_loss(fake, "hinge")) == pytest.approx(1.5)


def test_a_gram_matrix_worked_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])  # two channels of two positions
    assert gram(features)[0].tolist() == [[5 / 4, 3 / 4], [3 / 4, 9 / 4]]
    other = features.flip(3)  # positions do not matter to style, but to features
    assert float(style([features], [other])) == 0
    assert float(matched([features], [other])) == (1 + 1 + 3 + 3) / 4
    assert float(style([features, features], [0 * features] * 2)) == pytest.approx(2 * (5 + 3 + 3 + 9) / 16)


def test_features_of_the_truth_get_no_gradient() -> None:
    made, wanted = torch.ones(1, 1, 2, 2, requires_grad=True), torch.zeros(1, 1, 2, 2, requires_grad=True)
    (matched([made], [wanted]) + style([made], [wanted])).backward()
    assert made.grad is not None and wanted.grad is None


def test_l1_weighs_as_if_only_the_hole_were_wrong() -> None:
    truth, mask = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    mask[..., :2, :2] = 1  # a quarter
    assert float(l1_by_hole(truth + 0.5 * mask, truth, mask)) == pytest.approx(0.5)
