"""LaMa-Regular's front: plain convolutions in place of FFC, for ablations.

References
----------
[1] R. Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", WACV 2022, Tables 1 and 2.
[2] T.-C. Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (pix2pixHD),
    CVPR 2018: the global generator.

Names are those of the official `pix2pixhd_global`. For `n` down-samplings and `b` blocks, `model.N` is: 0 pad, 1 first
convolution, 2 batch norm, 3 ReLU, n × (down, batch norm, ReLU), b blocks; the rest is as in `models.lama`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions and the identity, nothing after the sum [2]. (B, C, H, W) -> same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.conv_block(x)
        return y


def regular_front(input_nc: int, widths: Sequence[int], n_blocks: int) -> list[nn.Module]:
    """(B, input_nc, H, W) -> (B, widths[-1], H/2^n, W/2^n) for n = len(widths) − 1 down-samplings.

    The down-samplings pad with zeros, all else with reflections, as the official code does.
    """
    layers = [nn.ReflectionPad2d(3), *_normalised(nn.Conv2d(input_nc, widths[0], 7))]
    for cin, cout in itertools.pairwise(widths):
        layers += _normalised(nn.Conv2d(cin, cout, 3, stride=2, padding=1))
    return layers + [ResidualBlock(widths[-1]) for _ in range(n_blocks)]


def _normalised(conv: nn.Conv2d) -> list[nn.Module]:
    return [conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU()]
