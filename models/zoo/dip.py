"""Deep Image Prior [1]: a network that turns fixed noise into one picture; its structure is the only prior there is.

Encoder–decoders of N levels, made of three kinds of blocks ([1], figure 21): D down-sampling, U up-sampling, S skip. Level
i of the encoder halves height and width; U_j, the j-th block of the decoder, doubles them at its very end. Skip block S_i
takes D_i's output to the input of U_{N+1−i}, which is of the same size, so that with concatenation

    in(U_j) = out(U_{j−1}) + out(S_{N+1−j}),   U_0 = D_N

and with residual connections in(U_j) = out(U_{j−1}) = out(S_{N+1−j}), added. A last 1 × 1 convolution and a sigmoid make
the picture.

Many pictures at once: each has its own network, as a group of channels; no group sees another one.

[1] D. Ulyanov, A. Vedaldi, V. Lempitsky, "Deep Image Prior", CVPR 2018, arXiv 1711.10925.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from models.training.loss_settings import Frozen

SLOPE = 0.2  # of the leaky ReLU below zero


class DipConfig(Frozen):
    """Channels: noise is the input's; down and up of each block, from fine to coarse; skip of each skip block.

    up[i] is that of the block that stands opposite to down[i], so in the docstring's count out(U_j) = up[N − j].
    """

    noise: int = Field(default=32, ge=1)
    down: tuple[int, ...] = Field(default=(32, 64, 64, 64, 64), min_length=1, max_length=8)
    up: tuple[int, ...] = (32, 64, 64, 64, 64)
    skip: tuple[int, ...] = (16, 16, 16, 16, 16)
    kernel: Literal[1, 3, 5] = 3
    upsampling: Literal["bilinear", "nearest"] = "bilinear"

    @model_validator(mode="after")
    def _fits(self) -> DipConfig:
        if not len(self.down) == len(self.up) == len(self.skip):
            raise ValueError("down, up and skip have one number for each level")
        return self

    @property
    def multiple(self) -> int:
        """Of which height and width must be multiples."""
        return int(2 ** len(self.down))


def convolution(into: int, out: int, kernel: int, stride: int = 1, images: int = 1) -> nn.Conv2d:
    """Reflection padding on all sides, so that height and width are divided by the stride; a group for each image."""
    mode: Literal["reflect", "zeros"] = "reflect" if kernel > 1 else "zeros"
    padding = (kernel - 1) // 2
    return nn.Conv2d(into * images, out * images, kernel, stride, padding, groups=images, padding_mode=mode)


class DownBlock(nn.Sequential):
    """Two convolutions with batch norm and leaky ReLU, the first with stride 2: (1, in, H, W) -> (1, out, H/2, W/2)."""

    def __init__(self, into: int, out: int, kernel: int = 3, images: int = 1) -> None:
        super().__init__(
            convolution(into, out, kernel, 2, images),
            nn.BatchNorm2d(out * images),
            nn.LeakyReLU(SLOPE),
            convolution(out, out, kernel, 1, images),
            nn.BatchNorm2d(out * images),
            nn.LeakyReLU(SLOPE),
        )


class UpBlock(nn.Sequential):
    """Batch norm, two convolutions with batch norm and leaky ReLU, the second 1 × 1, up-sampling at the very end:
    (1, in, H, W) -> (1, out, 2 H, 2 W).
    """

    def __init__(self, into: int, out: int, kernel: int = 3, images: int = 1, upsampling: str = "bilinear") -> None:
        super().__init__(
            nn.BatchNorm2d(into * images),
            convolution(into, out, kernel, 1, images),
            nn.BatchNorm2d(out * images),
            nn.LeakyReLU(SLOPE),
            convolution(out, out, 1, 1, images),
            nn.BatchNorm2d(out * images),
            nn.LeakyReLU(SLOPE),
            nn.Upsample(scale_factor=2, mode=upsampling),
        )


class SkipBlock(nn.Sequential):
    """A 1 × 1 convolution with batch norm and leaky ReLU: (1, in, H, W) -> (1, out, H, W)."""

    def __init__(self, into: int, out: int, images: int = 1) -> None:
        super().__init__(convolution(into, out, 1, 1, images), nn.BatchNorm2d(out * images), nn.LeakyReLU(SLOPE))


class EncoderDecoder(nn.Module):
    """An hourglass without connections: (1, images · noise, H, W) -> (1, images · 3, H, W) in [0, 1].

    H and W are multiples of `config.multiple`, and above it: reflection needs two pixels at the coarsest level.
    """

    def __init__(self, config: DipConfig, images: int = 1) -> None:
        super().__init__()
        self.config, self.images = config, images
        befores = (config.noise, *config.down[:-1])
        self.down = nn.ModuleList(
            DownBlock(into, out, config.kernel, images) for into, out in zip(befores, config.down, strict=True)
        )
        ups = list(reversed(config.up))
        befores = (config.down[-1], *ups[:-1])
        self.up = nn.ModuleList(
            UpBlock(self.into(before, number), out, config.kernel, images, config.upsampling)
            for number, (before, out) in enumerate(zip(befores, ups, strict=True))
        )
        self.last = convolution(ups[-1], 3, 1, 1, images)

    def into(self, before: int, number: int) -> int:  # noqa: ARG002 - connections change it
        """Input channels of up-sampling block `number`, from 0, when the one before it has `before`."""
        return before

    def connect(self, x: Tensor, maps: list[Tensor], number: int) -> Tensor:  # noqa: ARG002
        """What up-sampling block `number` sees: x from the block before it, and the encoder's maps."""
        return x

    def forward(self, z: Tensor) -> Tensor:
        x, maps = z, []
        for block in self.down:
            x = block(x)
            maps.append(x)
        for number, block in enumerate(self.up):
            x = block(self.connect(x, maps, number))
        return torch.sigmoid(self.last(x))


class EncoderDecoderSkipConnections(EncoderDecoder):
    """The hourglass with the skip blocks' maps beside the decoder's."""

    def __init__(self, config: DipConfig, images: int = 1) -> None:
        super().__init__(config, images)
        self.skips = nn.ModuleList(
            SkipBlock(into, out, images) for into, out in zip(config.down, config.skip, strict=True)
        )

    def into(self, before: int, number: int) -> int:
        return before + self.config.skip[-1 - number]

    def connect(self, x: Tensor, maps: list[Tensor], number: int) -> Tensor:
        skipped = self.skips[-1 - number](maps[-1 - number])
        if self.images == 1:
            return torch.cat([x, skipped], dim=1)
        # side by side image by image, as the groups of the next convolution are
        parts = [each.unflatten(1, (self.images, -1)) for each in (x, skipped)]
        return torch.cat(parts, dim=2).flatten(1, 2)


class EncoderDecoderResidualConnections(EncoderDecoder):
    """The hourglass with the skip blocks' maps added to the decoder's, whose width they have."""

    def __init__(self, config: DipConfig, images: int = 1) -> None:
        super().__init__(config, images)
        widths = (*config.up[1:], config.down[-1])  # of what each level's map is added to, from fine to coarse
        self.skips = nn.ModuleList(SkipBlock(into, out, images) for into, out in zip(config.down, widths, strict=True))

    def connect(self, x: Tensor, maps: list[Tensor], number: int) -> Tensor:
        added: Tensor = x + self.skips[-1 - number](maps[-1 - number])
        return added


NETWORKS: dict[str, type[EncoderDecoder]] = {
    "plain": EncoderDecoder,
    "skip": EncoderDecoderSkipConnections,
    "residual": EncoderDecoderResidualConnections,
}
