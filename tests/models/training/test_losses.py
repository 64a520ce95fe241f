from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

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

LOSSES = [feature_distance, style_distance, feature_mse]


def pyramid(seed, grad=False):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(2, 5, side, side, generator=generator).requires_grad_(grad) for side in (8, 4)]


@pytest.mark.parametrize("loss", LOSSES)
def test_feature_losses_are_zero_for_equals_and_have_gradients(loss):
    a, b = pyramid(0, grad=True), pyramid(1)
    assert loss(b, b).abs().max() < 1e-6
    value = loss(a, b).sum()
    value.backward()
    assert value > 0
    assert all(torch.isfinite(x.grad).all() and x.grad.abs().max() > 0 for x in a)


def test_feature_distance_equals_its_definition():
    a, b = [torch.rand(1, 3, 2, 2), torch.rand(1, 5, 1, 1)], [torch.rand(1, 3, 2, 2), torch.rand(1, 5, 1, 1)]
    expected = 0.0
    for x, y in zip(a, b, strict=True):
        positions = [(i, j) for i in range(x.shape[2]) for j in range(x.shape[3])]
        for i, j in positions:
            u, v = x[0, :, i, j], y[0, :, i, j]
            expected += float(((u / u.norm() - v / v.norm()) ** 2).sum()) / len(positions)
    assert float(feature_distance(a, b)) == pytest.approx(expected, rel=1e-5)


def test_feature_mse_sums_over_layers():
    a, b = pyramid(0), pyramid(1)
    expected = sum(float((x - y).square().mean()) for x, y in zip(a, b, strict=True))
    assert float(feature_mse(a, b)) == pytest.approx(expected, rel=1e-5)


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


def test_each_image_counts_alike_however_small_its_hole():
    truth = torch.zeros(2, 3, 8, 8)
    mask = torch.zeros(2, 1, 8, 8)
    mask[0, :, 0, 0] = 1  # one pixel
    mask[1] = 1
    prediction = truth.clone()
    prediction[0] = 0.5
    assert float(masked_l1(prediction, truth, mask)) == pytest.approx(0.25)
    # over the image, as LaMa divides: the pixel is one of 64
    assert float(masked_l1(prediction, truth, mask, "image")) == pytest.approx(0.5 / 64 / 2)


def test_a_grid_is_found_in_wide_holes_only():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., :40, :40] = 1
    smooth = torch.linspace(0.2, 0.8, 64).expand(1, 3, 64, 64)
    dots = torch.zeros(64, 64)
    dots[3::8, 3::8] = 0.1
    with_grid = grid_amplitude(smooth + dots, mask)
    assert with_grid > 20 * grid_amplitude(smooth, mask)
    torch.manual_seed(0)
    assert with_grid > grid_amplitude(smooth + 0.005 * torch.randn(64, 64), mask)
    thin = torch.zeros(1, 1, 64, 64)
    thin[..., 20:24, :] = 1
    assert grid_amplitude(smooth + dots, thin) == 0


@pytest.fixture
def grain():
    """Texture that keeps step with nothing."""
    return 0.05 * torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))


def test_dots_whose_sign_changes_are_found_by_their_energy(grain):
    """Which is what a generator makes of a loss on their mean."""
    mask = torch.ones(2, 1, 128, 128)
    signs = torch.randint(0, 2, (2, 3, 16, 16), generator=torch.Generator().manual_seed(1)) * 2.0 - 1
    dots = torch.zeros(2, 3, 128, 128)
    dots[..., 3::8, 3::8] = 0.15 * signs
    plain, dotted = 0.5 + grain, 0.5 + grain + dots
    assert phase_imbalance(plain, mask) < 0.03
    assert phase_imbalance(dotted, mask) > 10 * phase_imbalance(plain, mask)
    assert phase_imbalance(0.5 + dots.abs(), mask) > 1
    assert phase_imbalance(dotted * 0 + 0.5, mask) < 2.02  # nothing at all is balanced but for the definition of 0 / 0
    thin = torch.zeros(2, 1, 128, 128)
    thin[..., 20:24, :] = 1
    assert phase_imbalance(dotted, thin) == 0
    wanted = dotted.requires_grad_()
    phase_imbalance(wanted, mask).backward()
    assert wanted.grad.isfinite().all() and wanted.grad.abs().max() > 0


@pytest.mark.parametrize("size", [2, 4])
def test_pixels_that_are_repeated_are_found_by_their_differences(grain, size):
    """Mean and energy of texture whose pixels come in pairs are the same at every phase."""
    mask = torch.ones(2, 1, 128, 128)
    small = F.avg_pool2d(grain, size) * size
    smooth = F.avg_pool2d(grain, 3, 1, 1) * 3  # neighbours that are alike, with no lattice
    repeated = small.repeat_interleave(size, 2).repeat_interleave(size, 3)
    assert phase_imbalance(0.5 + smooth, mask) < 0.06
    assert phase_imbalance(0.5 + repeated, mask) > 5 * phase_imbalance(0.5 + smooth, mask)


@pytest.mark.parametrize("shift", [1, 3, 7])
def test_where_the_lattice_begins_is_all_the_same(grain, shift):
    mask = torch.ones(2, 1, 128, 128)
    dots = torch.zeros(2, 3, 128, 128)
    dots[..., 2::8, 4::8] = 0.15
    at = phase_imbalance(0.5 + grain + dots, mask)
    moved = phase_imbalance(0.5 + grain + dots.roll((shift, shift), (2, 3)), mask)
    assert float(moved) == pytest.approx(float(at), rel=0.15)


def test_grain_costs_where_the_truth_has_less_of_it(grain):
    mask = torch.zeros(2, 1, 128, 128)
    mask[..., 20:100, 30:110] = 1
    truth = 0.5 + grain
    assert grain_excess(truth, truth, mask) == 0
    assert grain_excess(torch.full_like(truth, 0.5), truth, mask) == 0  # too smooth: other losses say so
    assert float(grain_excess(0.5 + 3 * grain, truth, mask)) == pytest.approx(2 * math.log(3), rel=0.05)
    grey = grain.mean(1, keepdim=True).expand_as(grain)  # the same light, without colour
    assert grain_excess(0.5 + grey, truth, mask) < 1e-3
    assert grain_excess(truth, 0.5 + grey, mask) > 1
    outside = truth.clone()
    outside[..., :, :20] += grain[..., :, :20] * 5
    assert grain_excess(outside, truth, mask) == 0
    assert grain_excess(0.5 + 3 * grain, truth, torch.zeros_like(mask)) == 0


def test_the_spectrum_of_grain_is_its_coarseness_whatever_its_strength(grain):
    mask = torch.zeros(2, 1, 128, 128)
    mask[..., 20:100, 30:110] = 1
    truth = 0.5 + grain
    assert grain_spectrum(truth, truth, mask) == 0
    assert grain_spectrum(0.5 + 2 * grain, truth, mask) < 0.01
    coarse = 3 * F.avg_pool2d(grain, 3, 1, 1)
    assert grain_spectrum(0.5 + coarse, truth, mask) > 0.3
    lines = 0.03 * torch.where(torch.arange(128) % 2 == 0, 1.0, -1.0)[:, None]
    changing = lines * torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(1)).repeat_interleave(
        8, 2
    ).repeat_interleave(8, 3)
    assert grain_spectrum(0.5 + coarse + changing, 0.5 + coarse, mask) > 0.05  # lines of one pixel, of changing sign
    wanted = (0.5 + coarse).requires_grad_()
    grain_spectrum(wanted, truth, mask).backward()
    assert wanted.grad.isfinite().all() and wanted.grad.abs().max() > 0
    assert grain_spectrum(truth, truth + grain, mask * 0) == 0  # no hole is wide enough
