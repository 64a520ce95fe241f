"""The networks of coarse-to-fine inpainting with contextual attention (DeepFill, version 1).

References
----------
[1] J. Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018, arXiv 1801.07892, and its code.
[2] D.-A. Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units", ICLR 2016.
[3] S. Iizuka et al., "Globally and Locally Consistent Image Completion", SIGGRAPH 2017: the two critics.

Pictures are in [−1, 1] here. Layers are named as the official code names them. No layer has a norm: colours must be kept.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.zoo.attention import ContextualAttention

INPUTS = 5  # RGB, ones (zero padding shows where the picture ends), mask
DILATIONS = (2, 4, 8, 16)


@dataclass(frozen=True)
class ContextualAttentionConfig:
    """What decides the shape of the network. width: channels of the first convolutions; two down-samplings lead to 4 times
    that. The official width is 32, and the network then has 3,601,542 parameters. Raises ValueError.
    """

    width: int = 32

    def __post_init__(self) -> None:
        if type(self.width) is not int or not 2 <= self.width <= 256 or self.width % 2:
            raise ValueError(f"width must be an even number from 2 to 256, not {self.width!r}")


class SameConv(nn.Conv2d):
    """A convolution with zeros around it so that the size is kept, or halved: what there is too much goes to the end."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__(cin, cout, kernel, stride, dilation=dilation)
        total = dilation * (kernel - 1) + 1 - stride
        self._around = (total // 2, total - total // 2)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self._around * 2))


class Up(nn.Sequential):
    """Twice the size, each pixel four times, then a convolution."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__(nn.Upsample(scale_factor=2, mode="nearest"), SameConv(cin, cout, 3))


class CoarseToFine(nn.Module):
    """Two stages: a rough fill, and a second one of it, of which one branch hallucinates and the other copies [1]."""

    def __init__(self, config: ContextualAttentionConfig | None = None) -> None:
        super().__init__()
        self.config = config or ContextualAttentionConfig()
        w = self.config.width
        dilated = [(f"conv{n}_atrous", SameConv(4 * w, 4 * w, 3, 1, d)) for n, d in enumerate(DILATIONS, 7)]
        self.coarse = _chain(
            ("conv1", SameConv(INPUTS, w, 5)),
            ("conv2_downsample", SameConv(w, 2 * w, 3, 2)),
            ("conv3", SameConv(2 * w, 2 * w, 3)),
            ("conv4_downsample", SameConv(2 * w, 4 * w, 3, 2)),
            ("conv5", SameConv(4 * w, 4 * w, 3)),
            ("conv6", SameConv(4 * w, 4 * w, 3)),
            *dilated,
            *_decoder("conv", 4 * w, w),
        )
        self.hallucination = _chain(
            ("xconv1", SameConv(INPUTS, w, 5)),
            ("xconv2_downsample", SameConv(w, w, 3, 2)),
            ("xconv3", SameConv(w, 2 * w, 3)),
            ("xconv4_downsample", SameConv(2 * w, 2 * w, 3, 2)),
            ("xconv5", SameConv(2 * w, 4 * w, 3)),
            ("xconv6", SameConv(4 * w, 4 * w, 3)),
            *((f"xconv{n}_atrous", SameConv(4 * w, 4 * w, 3, 1, d)) for n, d in enumerate(DILATIONS, 7)),
            last=True,
        )
        self.matching = _chain(
            ("pmconv1", SameConv(INPUTS, w, 5)),
            ("pmconv2_downsample", SameConv(w, w, 3, 2)),
            ("pmconv3", SameConv(w, 2 * w, 3)),
            ("pmconv4_downsample", SameConv(2 * w, 4 * w, 3, 2)),
            ("pmconv5", SameConv(4 * w, 4 * w, 3)),
            ("pmconv6", SameConv(4 * w, 4 * w, 3)),
        )
        self.attention = ContextualAttention(ksize=3, rate=2, fuse_k=3, scale=10.0)
        self.copied = _chain(("pmconv9", SameConv(4 * w, 4 * w, 3)), ("pmconv10", SameConv(4 * w, 4 * w, 3)), last=True)
        self.joined = _chain(*_decoder("allconv", 8 * w, w))

    def forward(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) in [−1, 1], not looked at in the hole, and (B, 1, H, W), 1 in the hole; multiples of 8.

        Returns the rough and the fine fill, (B, 3, H, W) in [−1, 1], not composited.
        """
        known = image * (1 - mask)
        coarse = self.coarse(_with_mask(known, mask)).clamp(-1, 1)
        seen = _with_mask(known + coarse * mask, mask)
        matched = F.relu(self.matching(seen))
        hole = F.max_pool2d(mask, 4)  # any pixel of the hole makes a position unknown
        copied = self.copied(self.attention(matched, matched, hole))
        fine = self.joined(torch.cat([self.hallucination(seen), copied], dim=1)).clamp(-1, 1)
        return coarse, fine


class WholeCritic(nn.Module):
    """Four 5 × 5 convolutions with stride 2 and one score for the whole picture: (B, 3, side, side) -> (B, 1, 1, 1).

    width: channels of the first, doubled up to `most` times; officially 64, and 8 times for the local critic, 4 times for
    the global one. side: a multiple of 16.
    """

    def __init__(self, side: int, width: int = 64, most: int = 8) -> None:
        super().__init__()
        if side % 16:
            raise ValueError(f"a critic's side is a multiple of 16 px, not {side}")
        widths = [3, *(width * min(most, 1 << level) for level in range(4))]
        layers = [
            part
            for before, after in itertools.pairwise(widths)
            for part in (SameConv(before, after, 5, 2), nn.LeakyReLU(0.2))
        ]
        self.convolutions = nn.Sequential(*layers)
        self.score = nn.Linear(widths[-1] * (side // 16) ** 2, 1)

    def forward(self, picture: Tensor) -> Tensor:
        found: Tensor = self.score(self.convolutions(picture).flatten(1))
        return found[:, :, None, None]


def _with_mask(picture: Tensor, mask: Tensor) -> Tensor:
    return torch.cat([picture, torch.ones_like(mask), mask], dim=1)


def _decoder(name: str, cin: int, w: int) -> list[tuple[str, nn.Module]]:
    return [
        (f"{name}11", SameConv(cin, 4 * w, 3)),
        (f"{name}12", SameConv(4 * w, 4 * w, 3)),
        (f"{name}13_upsample", Up(4 * w, 2 * w)),
        (f"{name}14", SameConv(2 * w, 2 * w, 3)),
        (f"{name}15_upsample", Up(2 * w, w)),
        (f"{name}16", SameConv(w, w // 2, 3)),
        (f"{name}17", SameConv(w // 2, 3, 3)),
    ]


def _chain(*layers: tuple[str, nn.Module], last: bool = False) -> nn.Sequential:
    """Layers with ELU [2] between them; `last`: also after the last."""
    named: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (name, layer) in enumerate(layers, 1):
        named[name] = layer
        if last or number < len(layers):
            named[f"{name}_elu"] = nn.ELU()
    return nn.Sequential(named)
