"""Convolutions of a folded generator, for CPUs and for inference only: what surrounds them is done as they write.

References
----------
[1] oneDNN developer guide, "Primitive Attributes: Post-ops".
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import winograd

ONEDNN: Any = torch.ops.mkldnn
CHANNELS_LAST = torch.channels_last
# least channels and tiles with which products of tiles are faster; lama-small in fp32, one thread of a Xeon with
# AVX-512, by tiles: 9 0.93 ×, 16 0.99 ×, 25 1.07 ×, 64 1.11 ×; big-lama 0.95 ×, 1.11 ×, –, 1.40 ×
CHANNELS, TILES = 64, 24


class FusedConv(nn.Module):
    """A convolution, what is added to it, and ReLU, in one pass. (B, C_in, H, W) -> (B, C_out, H', W')."""

    def __init__(self, conv: nn.Conv2d, *, relu: bool = False) -> None:
        super().__init__()
        self.relu = relu
        self.reflect = 0 if conv.padding_mode == "zeros" else int(conv.padding[0])
        self.weight = conv.weight.detach().contiguous(memory_format=CHANNELS_LAST)
        self.bias = None if conv.bias is None else conv.bias.detach()
        self._padding = [0, 0] if self.reflect else [int(p) for p in conv.padding]
        self._stride = list(conv.stride)
        self._fuses = has_post_operations(self.weight.dtype)
        self._packed: tuple[tuple[int, ...], Tensor] | None = None

    @functools.cached_property
    def at_points(self) -> Tensor:
        """The weight for `models.winograd`, four times as large: made when it is first asked for."""
        return winograd.kernel(self.weight)

    def gains_by_tiles(self, x: Tensor) -> bool:
        """Whether `models.winograd` can compute this convolution of x, and faster."""
        c_out, c_in, *sides = self.weight.shape
        plain = sides == [3, 3] and self._stride == [1, 1] and self.reflect == 1
        enough = min(c_in, c_out) >= CHANNELS and winograd.count(*x.shape[2:]) >= TILES
        return plain and enough and self.weight.dtype == torch.float32

    def pad(self, x: Tensor) -> Tensor:
        """x with this convolution's reflection around it, if it has one."""
        return F.pad(x, [self.reflect] * 4, mode="reflect") if self.reflect else x

    def forward(self, x: Tensor) -> Tensor:
        return self.apply_to(self.pad(x), None, self.relu)

    def apply_to(self, x: Tensor, onto: Tensor | None, relu: bool) -> Tensor:
        """The convolution of x (already padded), added to `onto` in place if there is one, then rectified if `relu`."""
        if not self._fuses:
            y = F.conv2d(x, self.weight, self.bias, self._stride, self._padding)
            if onto is not None:
                y = onto.add_(y)
            return y.relu_() if relu else y
        x = x.contiguous(memory_format=CHANNELS_LAST)
        where = (self._padding, self._stride, [1, 1], 1)
        if self._packed is None or self._packed[0] != x.shape:
            # the layout that a kernel wants depends on the shape; another one would be brought to it at every call
            packed = ONEDNN._reorder_convolution_weight(self.weight, *where, list(x.shape))
            self._packed = (tuple(x.shape), packed)
        weight = self._packed[1]
        if onto is None:
            made: Tensor = ONEDNN._convolution_pointwise(
                x, weight, self.bias, *where, "relu" if relu else "none", [], ""
            )
        else:
            after: tuple[Any, ...] = ("add", 1.0, "relu" if relu else None, [], None)
            made = ONEDNN._convolution_pointwise_.binary(onto, x, weight, self.bias, *where, *after)
        return made


class NarrowConv(nn.Module):
    """A convolution with a square kernel and few output channels: columns first, then what they bring to each row.

    Kernels compute 16 channels at least, of which three leave 13 unused: K × 1 to K·C_out channels, and 1 × K that only
    adds, do the same work in a third of the time. (B, C_in, H, W) -> (B, C_out, H − K + 1, W − K + 1).
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        cout, cin, side, _ = conv.weight.shape
        weight = conv.weight.detach()
        self._columns = (
            weight.permute(3, 0, 1, 2).reshape(side * cout, cin, side, 1).contiguous(memory_format=CHANNELS_LAST)
        )
        rows = torch.eye(cout).to(weight).repeat(side, 1).view(side, cout, cout).permute(2, 0, 1).flatten(1)
        taps = torch.eye(side).to(weight).repeat_interleave(cout, 0)  # (K·C_out, K): the column that a channel is of
        self._rows = (rows[:, :, None] * taps).unsqueeze(2).contiguous(memory_format=CHANNELS_LAST)
        self._bias = None if conv.bias is None else conv.bias.detach()

    @staticmethod
    def fits(conv: nn.Conv2d) -> bool:
        """Whether this convolution can be computed so, and gains by it."""
        side = conv.kernel_size[0]
        square = conv.kernel_size == (side, side) and conv.stride == (1, 1) and conv.padding == (0, 0)
        return square and side > 3 and conv.out_channels * side <= 32

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(x, self._columns), self._rows, self._bias)


@functools.cache
def has_post_operations(dtype: torch.dtype) -> bool:
    """Whether oneDNN's fused convolutions are there and work in this dtype: torch keeps them for its own compiler."""
    weight = torch.linspace(-1, 1, 16 * 16).view(16, 16, 1, 1).to(dtype)
    x = torch.linspace(-1, 1, 16 * 16).view(1, 16, 4, 4).to(dtype).contiguous(memory_format=CHANNELS_LAST)
    where = ([0, 0], [1, 1], [1, 1], 1)
    try:
        packed = ONEDNN._reorder_convolution_weight(weight, *where, [1, 16, 4, 4])
        made = ONEDNN._convolution_pointwise_.binary(x.clone(), x, packed, None, *where, "add", 1.0, "relu", [], None)
    except (RuntimeError, AttributeError):
        return False
    expected = torch.relu(x + F.conv2d(x, weight))
    return torch.allclose(made.float(), expected.float(), rtol=0.02, atol=0.05)
