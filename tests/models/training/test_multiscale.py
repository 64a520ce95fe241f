from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from models.training.loss_settings import MultiscaleSettings
from models.training.multiscale import Scaled, at_scales, inconsistency

SETTINGS = MultiscaleSettings(scales=(1.0, 0.5, 0.25))


def case():
    truth = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, 1, 64, 96)
    mask[..., 17:50, 9:70] = 1
    return truth, mask


def test_scales_have_sizes_that_the_generator_takes_and_know_nothing_of_the_hole():
    truth, mask = case()
    other = torch.where(mask.bool(), torch.rand_like(truth), truth)
    seen = []

    def generator(x):
        seen.append(x)
        return x[:, :3]

    for picture in (truth, other):
        scaled = at_scales(generator, Scaled(picture, mask, picture), SETTINGS)
        assert [tuple(one.truth.shape[-2:]) for one in scaled] == [(64, 96), (32, 48), (16, 24)]
        assert scaled[0].prediction is picture
    assert len(seen) == 4 and torch.equal(seen[0], seen[2]) and torch.equal(seen[1], seen[3])
    odd = at_scales(generator, Scaled(truth, mask, truth), MultiscaleSettings(scales=(0.8, 0.3)), 16)
    assert [tuple(one.truth.shape[-2:]) for one in odd] == [(48, 80), (16, 32)]


def test_fills_that_agree_cost_nothing_wherever_the_known_pixels_differ():
    truth, mask = case()

    def agreeing(x):
        return torch.full_like(x[:, :3], 0.3)

    scaled = at_scales(agreeing, Scaled(truth, mask, agreeing(torch.zeros(1, 4, 64, 96))), SETTINGS)
    assert inconsistency(scaled, SETTINGS) == pytest.approx(0, abs=1e-6)
    outside = [Scaled(o.truth, o.mask, o.prediction + 0.2 * (1 - F.max_pool2d(o.mask, 9, 1, 4))) for o in scaled]
    assert inconsistency(outside, SETTINGS) == pytest.approx(0, abs=1e-6)


def test_differences_are_weighted_and_coarse_ones_can_be_held():
    truth, mask = case()
    levels = [torch.full((1, 3, 64 // f, 96 // f), v, requires_grad=True) for f, v in ((1, 0.5), (2, 0.4), (4, 0.1))]
    plain = at_scales(lambda x: x[:, :3], Scaled(truth, mask, truth), SETTINGS)
    scaled = [Scaled(one.truth, one.mask, level) for one, level in zip(plain, levels, strict=True)]
    weighted = MultiscaleSettings(scales=SETTINGS.scales, weights=(3, 1), toward="coarse")
    value = inconsistency(scaled, weighted)
    assert float(value.detach()) == pytest.approx((3 * 0.1 + 1 * 0.3) / 4, rel=1e-4)
    value.backward()
    assert levels[0].grad.abs().max() > 0 and levels[1].grad.abs().max() > 0 and levels[2].grad is None
    inconsistency(scaled, MultiscaleSettings(scales=SETTINGS.scales)).backward()
    assert levels[2].grad.abs().max() > 0
