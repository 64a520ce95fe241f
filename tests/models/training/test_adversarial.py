from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from models.training.adversarial import (
    feature_matching,
    gradient_penalty,
    non_saturating_critic,
    non_saturating_generator,
    patch_mean,
    r1_penalty,
    touched_patches,
    wasserstein_critic,
    wasserstein_generator,
)


def scores(seed):
    return torch.randn(2, 1, 4, 5, generator=torch.Generator().manual_seed(seed))


def test_a_thin_hole_is_touched_by_any_pixel_but_rarely_at_the_centre():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 13, :] = 1
    assert touched_patches(mask, torch.zeros(1, 1, 8, 8), "any").sum() == 8
    assert touched_patches(mask, torch.zeros(1, 1, 8, 8), "nearest").sum() == 0
    mask[..., 8:16, :] = 1
    for scaling in ("any", "nearest"):
        touched = touched_patches(mask, torch.zeros(1, 1, 8, 8), scaling)
        assert touched.sum() == 8 and touched[0, 0, 1].all()


def test_non_saturating_losses_equal_lama_s():
    real, fake = scores(0), scores(1)
    touched = (scores(2) > 0).float()
    softplus = F.softplus
    expected = softplus(-real) + touched * softplus(fake) + (1 - touched) * softplus(-fake)
    torch.testing.assert_close(non_saturating_critic(real, fake, touched), expected.mean())
    torch.testing.assert_close(non_saturating_critic(real, fake, None), (softplus(-real) + softplus(fake)).mean())
    torch.testing.assert_close(non_saturating_generator(fake), softplus(-fake).mean())


def test_wasserstein_losses_are_differences_of_means():
    real, fake = scores(0), scores(1)
    torch.testing.assert_close(wasserstein_critic(real, fake, None), fake.mean() - real.mean())
    torch.testing.assert_close(wasserstein_generator(fake, None), -fake.mean())
    touched = torch.zeros(2, 1, 4, 5)
    touched[0, 0, 1, 2] = 1  # and none in the second image
    expected = (fake - real)[0, 0, 1, 2] / 2
    torch.testing.assert_close(wasserstein_critic(real, fake, touched), expected)
    assert patch_mean(fake, torch.zeros_like(fake)) == 0


def test_r1_is_the_squared_slope_at_photos():
    slope = torch.randn(3, 8, 8)
    photos = torch.rand(2, 3, 8, 8)
    found, penalty = r1_penalty(lambda x: (x * slope).sum((1, 2, 3)).view(2, 1, 1, 1), photos)
    torch.testing.assert_close(penalty, slope.square().sum())
    torch.testing.assert_close(found.flatten(), (photos * slope).sum((1, 2, 3)))
    weight = torch.tensor(2.0, requires_grad=True)
    r1_penalty(lambda x: weight * x, photos)[1].backward()
    assert weight.grad == pytest.approx(2 * 2.0 * 3 * 64)  # of weight² for each of 3 · 64 values


def test_the_gradient_penalty_vanishes_for_a_slope_of_one():
    direction = torch.randn(3, 8, 8)
    direction /= direction.norm()
    photos, fills, share = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8), torch.rand(2, 1, 1, 1)

    def critic(slope):
        return lambda x: slope * (x * direction).sum((1, 2, 3)).view(2, 1, 1, 1)

    assert gradient_penalty(critic(1.0), photos, fills, share) == pytest.approx(0, abs=1e-6)
    assert gradient_penalty(critic(3.0), photos, fills, share) == pytest.approx(4, rel=1e-4)
    assert gradient_penalty(critic(0.0), photos, fills, share) == pytest.approx(1, rel=1e-4)


def test_the_penalty_is_measured_between_photo_and_fill():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.mean((1, 2, 3), keepdim=True)

    photos, fills = torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    gradient_penalty(critic, photos, fills, torch.full((1, 1, 1, 1), 0.25))
    torch.testing.assert_close(seen[0], torch.full((1, 3, 4, 4), 0.25))


def test_feature_matching_is_the_mean_over_layers_and_moves_fills_only():
    fake = [torch.rand(1, 4, 8, 8, requires_grad=True), torch.rand(1, 8, 4, 4, requires_grad=True)]
    real = [torch.rand(1, 4, 8, 8, requires_grad=True), torch.rand(1, 8, 4, 4, requires_grad=True)]
    value = feature_matching(fake, real)
    expected = sum(float((a - b).detach().square().mean()) for a, b in zip(fake, real, strict=True)) / 2
    assert float(value.detach()) == pytest.approx(expected, rel=1e-5) and math.isfinite(expected)
    value.backward()
    assert all(f.grad is not None for f in fake) and all(r.grad is None for r in real)
