"""Partial convolution [1], and the autoencoder for CIFAR-10 that is made of it.

At a window with the pixels X and their mask M (1: valid) a partial convolution is

    x' = Wᵀ(X ⊙ M) · sum(1) / sum(M) + b   where sum(M) > 0,   else 0
    m' = 1                                 where sum(M) > 0,   else 0

What lies outside the picture is not valid. (In [1] the mask is 1 for valid pixels; elsewhere in this program 1 is the hole.)

[1] G. Liu et al., "Image Inpainting for Irregular Holes Using Partial Convolutions", ECCV 2018, arXiv 1804.07723, eqs. 1–2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from models.training.loss_settings import Frozen


class PartialConv2d(nn.Module):
    """`forward(x, valid)`: x (B, C, H, W), valid (B, G, H, W) of 0 and 1 -> (B, out, H', W') and (B, 1, H', W').

    groups: how many channels of x each of the G masks is for (None: one mask for all); maps that are concatenated keep
    their own masks. Padding is (kernel − 1) / 2 on each side unless given.
    """

    def __init__(
        self,
        into: int,
        out: int,
        kernel: int = 3,
        stride: int = 1,
        padding: int | None = None,
        groups: Sequence[int] | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.groups = [into] if groups is None else list(groups)
        if sum(self.groups) != into:
            raise ValueError(f"groups of {self.groups} channels are not {into}")
        self.stride, self.padding = stride, (kernel - 1) // 2 if padding is None else padding
        self.window = into * kernel * kernel  # sum(1)
        self.weight = nn.Parameter(torch.empty(out, into, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out)) if bias else None
        nn.init.kaiming_normal_(self.weight)

    def forward(self, x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        known = valid if len(self.groups) == 1 else self._per_channel(valid)
        summed = F.conv2d(x * known.to(x.dtype), self.weight, None, self.stride, self.padding)
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            counts = torch.tensor(self.groups, dtype=torch.float32, device=x.device).view(1, -1, 1, 1)
            ones = counts.expand(1, -1, *self.weight.shape[2:])
            there = F.conv2d(valid.float(), ones, None, self.stride, self.padding)  # sum(M)
            after = (there > 0.5).float()
            ratio = after * self.window / there.clamp(min=1)
        made = summed * ratio.to(summed.dtype)
        if self.bias is not None:
            made = made + self.bias.view(1, -1, 1, 1) * after
        return made, after

    def _per_channel(self, valid: Tensor) -> Tensor:
        parts = [valid[:, i : i + 1].expand(-1, count, -1, -1) for i, count in enumerate(self.groups)]
        return torch.cat(parts, dim=1)


class PartialConvConfig(Frozen):
    """Channels of each level of the encoder, which halves height and width; the decoder mirrors it."""

    widths: tuple[int, ...] = Field(default=(32, 64, 128, 256), min_length=1, max_length=8)

    @property
    def multiple(self) -> int:
        """Of which height and width must be multiples."""
        return int(2 ** len(self.widths))


class PartialConvNet(nn.Module):
    """Encoder and decoder: with the default widths 8 and 9 partial convolutions, 3 × 32 × 32 → 256 × 2 × 2 → 3 × 32 × 32.

    Each level of the encoder has a convolution with ReLU, then one with stride 2, batch norm and ReLU. Each level of the
    decoder doubles height and width (nearest), takes the encoder's map of that size beside it with its own mask, and has a
    convolution with ReLU and one with batch norm and ReLU. A last convolution with a sigmoid makes the picture.
    """

    def __init__(self, config: PartialConvConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.down_norms = nn.ModuleList(), nn.ModuleList()
        before = 3
        for width in config.widths:
            self.encoder += [PartialConv2d(before, width), PartialConv2d(width, width, stride=2)]
            self.down_norms.append(nn.BatchNorm2d(width))
            before = width
        self.decoder, self.up_norms = nn.ModuleList(), nn.ModuleList()
        after = (config.widths[0], *config.widths[:-1])  # of each level, from fine to coarse
        for width, out in zip(reversed(config.widths), reversed(after), strict=True):
            self.decoder += [PartialConv2d(width + before, width, groups=(width, before)), PartialConv2d(width, out)]
            self.up_norms.append(nn.BatchNorm2d(out))
            before = out
        self.decoder.append(PartialConv2d(before, 3))

    def encode(self, image: Tensor, valid: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Maps and masks after each convolution, from fine to coarse."""
        found, x, m = [], image, valid
        for number, convolution in enumerate(self.encoder):
            x, m = convolution(x, m)
            x = torch.relu(self.down_norms[number // 2](x) if number % 2 else x)
            found.append((x, m))
        return found

    def forward(self, image: Tensor, hole: Tensor) -> Tensor:
        """image (B, 3, H, W) in [0, 1], hole (B, 1, H, W), 1 in the hole -> (B, 3, H, W) in [0, 1], not composited.

        H and W are multiples of `config.multiple`. What no valid pixel reaches is grey.
        """
        maps = self.encode(image, 1 - hole)
        x, m = maps[-1]
        for level, (skip, skip_mask) in enumerate(reversed(maps[0::2])):
            x, m = (F.interpolate(each, scale_factor=2.0, mode="nearest") for each in (x, m))
            x, m = torch.cat([skip, x], dim=1), torch.cat([skip_mask, m], dim=1)
            x, m = self.decoder[2 * level](x, m)
            x, m = self.decoder[2 * level + 1](torch.relu(x), m)
            x = torch.relu(self.up_norms[level](x))
        x, _ = self.decoder[-1](x, m)
        return torch.sigmoid(x.float())
