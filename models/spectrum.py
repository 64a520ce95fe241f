"""A Fourier unit by matrix products, channels last: what `models.lama.FourierUnit` computes, for CPUs.

The maps of LaMa's bottleneck are small (side / 8), so a discrete Fourier transform costs less as a product with a matrix
than as an FFT: it keeps the channels innermost, where an FFT library wants them outermost and each transform brings two
transpositions of the whole map. Measured with 192 channels on one thread of a Xeon with AVX-512, by side of the map,
ms for the module as it is and here: 12 px 0.94 and 0.26, 32 px 5.1 and 2.5, 61 px 28 and 11, 64 px 23 and 12, 128 px 101
and 66.

Layouts, with k for the W/2 + 1 frequencies along a row, and r for (real, imaginary):
(H, W, C) → rows → (H, r, k, C) → columns → (r, H, k, C) → 1 × 1 → (r, H, k, C) → columns → (H, r, k, C) → rows → (H, W, C)
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor, nn

from models.lama import FourierUnit

LARGEST = 192  # px of height and width: beyond, an FFT with its transpositions is faster


class MatrixFourierUnit(nn.Module):
    """A folded Fourier unit and the residual around it: x + unit(x). Always in fp32."""

    def __init__(self, unit: FourierUnit) -> None:
        super().__init__()
        self.unit = unit
        conv = unit.conv_layer
        c = conv.in_channels // 2
        # channel 2k is the real part of k; here all real parts stand before all imaginary ones: (from, to, C, C)
        weight = conv.weight.detach().reshape(c, 2, c, 2).permute(3, 1, 2, 0)
        bias = torch.zeros(2 * c) if conv.bias is None else conv.bias.detach()
        self.weight = weight.float().contiguous()
        self.bias = bias.float().reshape(c, 2).t().contiguous()

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) fp32, channels last -> same
        if max(x.shape[2:]) > LARGEST:
            y: Tensor = x + self.unit(x)
            return y
        last = x.permute(0, 2, 3, 1).contiguous()
        result = torch.empty_like(last)
        # map by map: a map's bytes do not depend on the others
        for source, target in zip(last, result, strict=True):
            self._map(source, target)
        return result.permute(0, 3, 1, 2)

    def _map(self, source: Tensor, target: Tensor) -> None:
        """One map (H, W, C), into `target`."""
        h, w, c = source.shape
        k = w // 2 + 1
        rows, columns, back_columns, back_rows = _transforms(h, w)
        half = torch.matmul(rows, source).view(2 * h, k * c)
        spectrum = torch.mm(columns, half).view(2, h * k, c)
        mixed = torch.empty_like(spectrum)
        for to in (0, 1):
            torch.addmm(self.bias[to], spectrum[0], self.weight[0, to], out=mixed[to])
            mixed[to].addmm_(spectrum[1], self.weight[1, to])
        torch.mm(back_columns, mixed.relu_().view(2 * h, k * c), out=half)
        torch.baddbmm(source, back_rows.expand(h, w, 2 * k), half.view(h, 2 * k, c), out=target)


@functools.lru_cache(maxsize=64)
def _transforms(h: int, w: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Matrices of rfft2 and irfft2 ("ortho"), fp32, computed in fp64: rows, columns, columns back, rows back."""
    k = w // 2 + 1
    cos_w, sin_w = _waves(w)
    cos_h, sin_h = _waves(h)
    rows = torch.cat([cos_w[:k], -sin_w[:k]])  # (r k, w)
    twice = torch.full((k,), 2.0, dtype=torch.float64)  # frequencies that stand for their mirror images too
    twice[0] = 1
    if w % 2 == 0:
        twice[-1] = 1
    back_rows = torch.cat([cos_w[:, :k] * twice, -sin_w[:, :k] * twice], dim=1)  # (w, r k)
    # (to r, to h, from h, from r), a multiplication by cos − i·sin
    columns = torch.stack([torch.stack([cos_h, sin_h], -1), torch.stack([-sin_h, cos_h], -1)])
    # its inverse is its transpose: (to h, to r, from r, from h)
    back_columns = columns.permute(2, 3, 0, 1)
    matrices = (rows, columns.reshape(2 * h, 2 * h), back_columns.reshape(2 * h, 2 * h), back_rows)
    rows, columns, back_columns, back_rows = (matrix.float().contiguous() for matrix in matrices)
    return rows, columns, back_columns, back_rows


def _waves(n: int) -> tuple[Tensor, Tensor]:
    """cos and sin of 2π·j·k/n, over √n: (n, n) fp64, symmetric."""
    index = torch.arange(n)
    angle = (torch.outer(index, index) % n).double() * (2 * math.pi / n)
    return torch.cos(angle) / math.sqrt(n), torch.sin(angle) / math.sqrt(n)
