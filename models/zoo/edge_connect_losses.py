"""Losses of EdgeConnect. Scores are those of a discriminator before its sigmoid, of any shape.

References
----------
[1] K. Nazeri et al., "EdgeConnect: Generative Image Inpainting with Adversarial Edge Learning", arXiv 1901.00212.
[2] I. Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014: the non-saturating loss.
[3] J. H. Lim, J. C. Ye, "Geometric GAN", arXiv 1705.02894: the hinge loss.
[4] M. S. M. Sajjadi et al., "EnhanceNet", ICCV 2017: style as a loss of a generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Kind = Literal["non_saturating", "hinge"]


def critic_loss(real: Tensor, fake: Tensor, kind: Kind) -> Tensor:
    """What the discriminator pays: half of softplus(−real) + softplus(fake) [2], or of max(0, 1 ∓ score) [3]."""
    if kind == "hinge":
        return (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2
    return (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2


def generator_loss(fake: Tensor, kind: Kind) -> Tensor:
    """What the generator pays: softplus(−fake) [2], or −fake [3]."""
    return -fake.mean() if kind == "hinge" else F.softplus(-fake).mean()


def matched(made: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Sum over layers of the mean absolute difference of features [1, sections 3.1 and 3.2]; no gradient to `wanted`."""
    return torch.stack([F.l1_loss(a.float(), b.float().detach()) for a, b in zip(made, wanted, strict=True)]).sum()


def style(made: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Sum over layers of the mean absolute difference of Gram matrices, each over C·H·W [1, section 3.2; 4]."""
    return matched([gram(x) for x in made], [gram(x) for x in wanted])


def gram(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, C): products of channels, summed over positions, over C·H·W."""
    flat = features.float().flatten(2)
    return flat @ flat.transpose(1, 2) / flat[0].numel()


def l1_by_hole(made: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference of whole images over the share of them that is hole [1, section 3.2]."""
    return F.l1_loss(made.float(), truth) / mask.mean().clamp(min=1e-4)
