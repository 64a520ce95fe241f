"""Losses of coarse-to-fine inpainting. Pictures (B, 3, H, W) in [−1, 1], masks (B, 1, H, W), 1 in the hole.

References
----------
[1] J. Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018, arXiv 1801.07892, section 3.
[2] I. Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

from models.training.adversarial import gradient_penalty, wasserstein_critic


def discount(mask: Tensor, gamma: float) -> Tensor:
    """γ^l in the hole, l the distance to the nearest known pixel in px, 0 elsewhere: (B, 1, H, W) [1].

    The middle of a wide hole can be anything; a loss that insists on the truth there misleads.
    """
    holes = (mask[:, 0] > 0.5).cpu().numpy().astype(np.uint8)
    lengths = np.stack([cv2.distanceTransform(hole, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for hole in holes])
    # squares of distances between pixels are whole numbers: rounded, their roots are the same on every call and machine
    exact = np.sqrt(np.rint(lengths.astype(np.float64) ** 2))
    return torch.from_numpy((gamma**exact).astype(np.float32))[:, None].to(mask.device) * mask


def weighted_l1(made: Tensor, truth: Tensor, weight: Tensor, over: Tensor) -> Tensor:
    """Σ weight · |made − truth| over the number of values where `over` is 1; weight and over (B, 1, H, W)."""
    off = (made.float() - truth).abs() * weight
    return off.sum() / (over.sum() * truth.shape[1]).clamp(min=1)


def windows(pictures: Tensor, mask: Tensor, side: int) -> Tensor:
    """Of each picture the square of `side` px around the middle of its hole, as far inside as needed: (B, C, side, side)."""
    height, width = pictures.shape[-2:]
    found = []
    for picture, hole in zip(pictures, mask[:, 0] > 0.5, strict=True):
        corner = []
        for dim, length in ((1, height), (0, width)):
            used = hole.any(dim).nonzero()
            middle = (int(used.min()) + int(used.max()) + 1) // 2 if len(used) else length // 2
            corner.append(min(max(middle - side // 2, 0), length - side))
        found.append(picture[:, corner[0] : corner[0] + side, corner[1] : corner[1] + side])
    return torch.stack(found)


def critic_loss(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mask: Tensor, share: Tensor
) -> tuple[Tensor, Tensor]:
    """Wasserstein loss of a critic, and its gradient penalty, of pixels of the hole only [1, 2].

    fake: composited. share: (B, 1, 1, 1) in [0, 1], where between fake and real the gradient is taken.
    """
    loss = wasserstein_critic(critic(real), critic(fake), None)
    # outside the hole both are the truth: held there, the gradient is that of the hole's pixels
    penalty = gradient_penalty(lambda between: critic(torch.lerp(real, between, mask)), real, fake, share)
    return loss, penalty
