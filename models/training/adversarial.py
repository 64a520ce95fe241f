"""Adversarial losses. Scores are (B, 1, h, w), one for each patch; `touched` has their shape, 1 where the hole touches.

References
----------
[1] I. Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014: the non-saturating loss.
[2] L. Mescheder et al., "Which Training Methods for GANs do actually Converge?", ICML 2018: R1.
[3] I. Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017.
[4] R. Suvorov et al., arXiv 2109.07161: only patches that the hole touches are fake.
[5] T.-C. Wang et al., "High-Resolution Image Synthesis … with Conditional GANs", CVPR 2018: feature matching.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def touched_patches(mask: Tensor, scores: Tensor, scaling: str = "nearest") -> Tensor:
    """Which patches the hole (B, 1, H, W) touches: at their centre (`nearest`) or with any pixel (`any`)."""
    size = (scores.shape[-2], scores.shape[-1])
    if scaling == "any":
        return F.adaptive_max_pool2d(mask, size)
    return F.interpolate(mask, size, mode="nearest")


def non_saturating_critic(real: Tensor, fake: Tensor, touched: Tensor | None) -> Tensor:
    """The critic's softplus loss [1]; with `touched`, patches of a fill that hold known pixels only count as real [4]."""
    wrong = F.softplus(fake)
    if touched is not None:
        wrong = touched * wrong + (1 - touched) * F.softplus(-fake)
    return F.softplus(-real).mean() + wrong.mean()


def non_saturating_generator(fake: Tensor) -> Tensor:
    """What the generator pays, over all patches, as LaMa does [1, 4]."""
    return F.softplus(-fake).mean()


def wasserstein_critic(real: Tensor, fake: Tensor, touched: Tensor | None) -> Tensor:
    """How much more the critic gives to fills than to photos [3], over the touched patches of both."""
    return patch_mean(fake, touched) - patch_mean(real, touched)


def wasserstein_generator(fake: Tensor, touched: Tensor | None) -> Tensor:
    """Minus the critic's score of the fills [3]."""
    return -patch_mean(fake, touched)


def r1_penalty(critic: Callable[[Tensor], Tensor], real: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of photos and E‖∇D(x)‖², the gradient with respect to the photos [2]."""
    real = real.detach().requires_grad_(True)
    scores = critic(real)
    return scores, _gradient(scores, real).square().sum((1, 2, 3)).mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """E(‖∇D(x)‖ − 1)² between photos and fills, x = share·real + (1 − share)·fake [3]; `share` (B, 1, 1, 1) in [0, 1].

    D is the mean over patches, so that the bound does not depend on the size of the image.
    """
    between = torch.lerp(fake, real, share).detach().requires_grad_(True)
    scores = critic(between).mean((1, 2, 3))
    norm = (_gradient(scores, between).square().sum((1, 2, 3)) + 1e-12).sqrt()
    return (norm - 1).square().mean()


def feature_matching(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Mean over layers of the mean squared difference of the critic's features [4, 5]."""
    return torch.stack([F.mse_loss(f.float(), r.float().detach()) for f, r in zip(fake, real, strict=True)]).mean()


def patch_mean(scores: Tensor, touched: Tensor | None) -> Tensor:
    """Mean over all patches, or over the touched ones of each image; 0 for an image without any."""
    if touched is None:
        return scores.mean()
    return ((scores * touched).sum((1, 2, 3)) / touched.sum((1, 2, 3)).clamp(min=1)).mean()


def _gradient(scores: Tensor, images: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gradient
