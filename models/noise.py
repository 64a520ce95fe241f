"""White noise on the way up: where what lies inside the narrowest layer's cells comes from.

T. Karras, S. Laine, T. Aila, "A Style-Based Generator Architecture for Generative Adversarial Networks", CVPR 2019; there
the strengths are learned numbers, here they are read from the map, so that a smooth sky gets none.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Noise(nn.Module):
    """x + A(x)·n at each level: n is white noise with one channel, A a 1 × 1 convolution, by level.

    There is one map of noise for the whole network, of the image's size; a level that is 2^k times smaller takes every
    2^k-th value. If none is given, it is a fixed square that is laid side by side: the same input gives the same output.
    """

    SIDE = 256  # px of the square; holes that are wider show their grain's pattern again after that

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.strengths = nn.ModuleList(nn.Conv2d(width, width, 1, bias=False) for width in widths)
        generator = torch.Generator().manual_seed(0)
        square = torch.randn((1, 1, self.SIDE, self.SIDE), generator=generator, device="cpu") if widths else None
        self.register_buffer("square", square, persistent=False)
        self.square: Tensor | None

    def forward(self, x: Tensor, level: int, noise: Tensor | None) -> Tensor:
        """(B, C, h, w) -> same; noise (B or 1, 1, h · 2^level, w · 2^level), standard normal."""
        step, (height, width) = 1 << level, x.shape[-2:]
        if noise is None:
            assert self.square is not None
            times = [-(-side * step // self.SIDE) for side in (height, width)]
            noise = self.square.tile(1, 1, *times)
        taken = noise[..., : height * step : step, : width * step : step].to(x.dtype)
        noisy: Tensor = x + self.strengths[level](x) * taken
        return noisy
