"""Losses between a prediction and the truth. All take (B, 3, H, W) in [0, 1] and a mask (B, 1, H, W), 1 in the hole.

References
----------
[1] J. Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016.
[2] R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
[3] L. Gatys et al., "Texture Synthesis Using Convolutional Neural Networks", NeurIPS 2015.
[4] R. Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", arXiv 2109.07161.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def unit(features: Tensor) -> Tensor:
    """Each position divided by its channel norm [2]."""
    norm: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / (norm + 1e-8)


def feature_distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Sum over layers of the mean over positions of ‖unit(a) − unit(b)‖² [2]: (B,)."""
    return torch.stack([(unit(x) - unit(y)).square().sum(1).mean((1, 2)) for x, y in zip(a, b, strict=True)]).sum(0)


def feature_mse(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Sum over layers of the mean squared difference: a scalar; LaMa's perceptual loss [4]."""
    return torch.stack([F.mse_loss(x, y) for x, y in zip(a, b, strict=True)]).sum()


def style_distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Sum over layers of ‖G(a) − G(b)‖² / ‖G(b)‖², G the Gram matrix of the channels [3]: (B,)."""

    def gram(x: Tensor) -> Tensor:
        flat = x.flatten(2)
        return flat @ flat.transpose(1, 2) / flat.shape[2]

    def one(x: Tensor, y: Tensor) -> Tensor:
        target = gram(y)
        return (gram(x) - target).square().sum((1, 2)) / (target.square().sum((1, 2)) + 1e-8)

    return torch.stack([one(x, y) for x, y in zip(a, b, strict=True)]).sum(0)


def masked_l1(prediction: Tensor, truth: Tensor, mask: Tensor, over: str = "region") -> Tensor:
    """Absolute difference where `mask` is 1, mean over images.

    over: `region` divides by the masked pixels of each image, so that a scratch counts as much as a box; `image` by all
    its pixels [4].
    """
    weight = mask.expand_as(truth)
    total = ((prediction - truth).abs() * weight).sum((1, 2, 3))
    return (total / (weight.sum((1, 2, 3)).clamp(min=1) if over == "region" else weight[0].numel())).mean()


def gradient_l1(prediction: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """`masked_l1` of the horizontal and vertical differences of neighbours: edges, whatever the colour."""

    def steps(x: Tensor) -> tuple[Tensor, Tensor]:
        return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]

    masks = (torch.maximum(mask[..., 1:], mask[..., :-1]), torch.maximum(mask[..., 1:, :], mask[..., :-1, :]))
    parts = [masked_l1(p, t, m) for p, t, m in zip(steps(prediction), steps(truth), masks, strict=True)]
    return parts[0] + parts[1]


def grid_amplitude(prediction: Tensor, mask: Tensor, period: int = 8, window: int = 8) -> Tensor:
    """How strongly the prediction repeats with the generator's down-sampling inside wide holes: mean |amplitude|.

    The high-pass part (the prediction minus its mean over one period) is averaged by phase over `window` × `window`
    neighbouring blocks of `period` px that lie wholly in the hole, at least four of them. A picture has no reason to keep
    step with the blocks, so for photos the mean tends to 0. Height and width are multiples of `period`. The outermost
    blocks do not count: the mean over a period needs pixels on all sides.
    """
    high = _high_pass(prediction, period)
    blocks = F.pixel_unshuffle(high, period)  # (B, 3 · period², h, w): a channel for each phase
    full = _whole_blocks(mask, period)
    size = (min(window, full.shape[-2]), min(window, full.shape[-1]))
    stride = (max(1, size[0] // 2), max(1, size[1] // 2))
    share = F.avg_pool2d(full, size, stride)
    share = share * (share * size[0] * size[1] > 3.5)
    mean = F.avg_pool2d(blocks * full, size, stride) / F.avg_pool2d(full, size, stride).clamp(min=1e-6)
    phases = mean.reshape(len(mean), 3, period * period, *mean.shape[2:])
    # a period is even, so its mean lies half a pixel beside the pixel: a slope leaves the same offset in every phase
    amplitude = (phases - phases.mean(2, keepdim=True)).abs().mean((1, 2)).unsqueeze(1)
    total: Tensor = (amplitude * share).sum() / share.sum().clamp(min=1e-6)
    return total


def phase_imbalance(prediction: Tensor, mask: Tensor, period: int = 8) -> Tensor:
    """How unlike the phases of the generator's down-sampling are, in mean and in energy, over all wide holes: a scalar.

    The high-pass part, divided by its own deviation nearby, has mean m and energy e (1 on average) at each of the
    period² phases, and so have its differences over 1, 2 and 4 px, down and to the right, energies d: mean of m² + (e − 1)²,
    and of (d − 1)². Dots in a lattice count whatever their sign and colour, which `grid_amplitude` misses where these
    change from block to block; pixels that come in pairs, as an up-sampling that repeats them makes them, count in d
    alone. Texture, whose energies are the same at every phase, does not: for N blocks of it about 5 / N is left.
    """
    high = _high_pass(prediction, period)
    with torch.no_grad():
        energy = F.avg_pool2d(high.square().mean(1, keepdim=True), 3 * period - 1, 1, (3 * period - 1) // 2)
        deviation = energy.sqrt() + 0.5 / 255  # what 8 bits cannot show is no pattern
    blocks = F.pixel_unshuffle(high / deviation, period)  # (B, 3 · period², h, w)
    full = _whole_blocks(mask, period)
    count = full.sum().clamp(min=1)
    mean, energies = ((x * full).sum((0, 2, 3)).view(3, -1) / count for x in (blocks, blocks.square()))
    total: Tensor = mean.square().mean() + _spread(energies)
    steps = [x for lag in (1, 2, 4) for x in _differences(high / deviation, lag)]
    squares = [(F.pixel_unshuffle(step.square(), period) * full).sum((0, 2, 3)).view(3, -1) / count for step in steps]
    total = total + torch.stack([_spread(each) for each in squares]).mean()
    return total * (count > period * period / 2)  # of fewer blocks, chance alone is an imbalance


def grain_excess(prediction: Tensor, truth: Tensor, mask: Tensor, window: int = 17) -> Tensor:
    """By how much the hole is livelier than the truth there, in lightness and in colour: a scalar.

    The energy of the high-pass part in windows of `window` px, half of which at least lie in the hole, in the orthogonal
    axes light, red – blue and green – purple: mean of max(0, ln(made / true)). Noise gets rewarded by feature losses
    where texture belongs, and coloured noise too, which photos do not have; a fill that is too smooth pays nothing here.
    """
    axes = truth.new_tensor([[3**-0.5] * 3, [2**-0.5, 0, -(2**-0.5)], [6**-0.5, -2 * 6**-0.5, 6**-0.5]])
    covered = F.avg_pool2d(mask, window, window // 4)

    def energies(x: Tensor) -> Tensor:
        high = torch.einsum("ac,bchw->bahw", axes, _high_pass(x, 8))
        return F.avg_pool2d(high.square(), window, window // 4) + (0.5 / 255) ** 2

    excess = torch.relu(energies(prediction).log() - energies(truth).log()).mean(1, keepdim=True)
    inside = (covered >= 0.5).to(excess.dtype)
    total: Tensor = (excess * inside).sum() / inside.sum().clamp(min=1)
    return total


def grain_spectrum(prediction: Tensor, truth: Tensor, mask: Tensor, window: int = 33) -> Tensor:
    """How unlike the truth's the hole's grain is in coarseness, however strong it is: a scalar.

    Energies of differences over 1, 2 and 4 px, down and to the right, over the energy of the high-pass part, in windows of
    `window` px, half of which at least lie in the hole: mean of |ln(made / true)|. It sees lines of one pixel beside grain
    that is too coarse, which together have the right slopes, and keep step with nothing.
    """
    covered = F.avg_pool2d(mask, window, window // 4)

    def ratios(x: Tensor) -> Tensor:
        high = _high_pass(x, 8)
        parts = [high, *(step for lag in (1, 2, 4) for step in _differences(high, lag))]
        pooled = [F.avg_pool2d(part.square().mean(1, keepdim=True), window, window // 4) for part in parts]
        logs = (torch.cat(pooled, 1) + (0.5 / 255) ** 2).log()
        return logs[:, 1:] - logs[:, :1]

    unlike = (ratios(prediction) - ratios(truth)).abs().mean(1, keepdim=True)
    inside = (covered >= 0.5).to(unlike.dtype)
    total: Tensor = (unlike * inside).sum() / inside.sum().clamp(min=1)
    return total


def _spread(energies: Tensor) -> Tensor:
    """Mean square deviation from 1 of energies (..., phases) over their mean."""
    return (energies / energies.mean(-1, keepdim=True).clamp(min=1e-3) - 1).square().mean()


def _differences(x: Tensor, lag: int) -> tuple[Tensor, Tensor]:
    """What comes `lag` px further down and to the right, minus x; 0 at the edge: (B, C, H, W) -> twice the same."""
    return F.pad(x[..., lag:, :] - x[..., :-lag, :], (0, 0, 0, lag)), F.pad(x[..., lag:] - x[..., :-lag], (0, lag))


def _high_pass(x: Tensor, period: int) -> Tensor:
    """x minus its mean over one period: (B, C, H, W) -> same."""
    before = period // 2
    after = period - 1 - before
    padded = F.pad(x, (before, after, before, after), "reflect")
    return x - F.avg_pool2d(F.avg_pool2d(padded, (period, 1), 1), (1, period), 1)


def _whole_blocks(mask: Tensor, period: int) -> Tensor:
    """1 for the blocks that lie wholly in the hole, but for the outermost: (B, 1, H / period, W / period)."""
    full = -F.max_pool2d(-mask, period)
    return F.pad(full[..., 1:-1, 1:-1], (1, 1, 1, 1))
