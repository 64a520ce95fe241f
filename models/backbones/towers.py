"""AlexNet and VGG16 up to their last convolution, the backbones of LPIPS; told apart by their first kernel.

A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv 1404.5997; K. Simonyan,
A. Zisserman, arXiv 1409.1556. Names are torchvision's: `features.N.weight`, `features.N.bias`. Widths are read from the
tensors, so a narrow network of the same structure is as good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class _Conv:
    """A convolution and its ReLU; `tap`: the result is a feature. `pool`: a max-pool before it, (side, stride)."""

    index: int
    stride: int = 1
    padding: int = 1
    pool: tuple[int, int] | None = None
    tap: bool = False


ALEXNET = (
    _Conv(0, stride=4, padding=2, tap=True),
    _Conv(3, padding=2, pool=(3, 2), tap=True),
    _Conv(6, pool=(3, 2), tap=True),
    _Conv(8, tap=True),
    _Conv(10, tap=True),
)
VGG16 = (
    _Conv(0),
    _Conv(2, tap=True),
    _Conv(5, pool=(2, 2)),
    _Conv(7, tap=True),
    _Conv(10, pool=(2, 2)),
    _Conv(12),
    _Conv(14, tap=True),
    _Conv(17, pool=(2, 2)),
    _Conv(19),
    _Conv(21, tap=True),
    _Conv(24, pool=(2, 2)),
    _Conv(26),
    _Conv(28, tap=True),
)
KINDS = {(11, 11): ("alexnet", ALEXNET), (3, 3): ("vgg16", VGG16)}
LEAST_PX = {"alexnet": 35, "vgg16": 16}  # below, nothing is left to pool


class Tower:
    """The five features of RGB that its caller has normalised. `name`: `alexnet` or `vgg16`.

    Raises KeyError when a layer is missing, ValueError when the first kernel is neither network's.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        side = tuple(tensors["features.0.weight"].shape[2:])
        if side not in KINDS:
            raise ValueError(f"neither AlexNet nor VGG16: its first kernel is {' × '.join(map(str, side))}")
        self.name, self._convs = KINDS[side]
        self._layers = [
            (conv, tensors[f"features.{conv.index}.weight"], tensors[f"features.{conv.index}.bias"])
            for conv in self._convs
        ]
        self.channels = [weight.shape[0] for conv, weight, _ in self._layers if conv.tap]

    def features(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> five tensors (B, C, h, w), after the ReLU, from early to late."""
        found = []
        for conv, weight, bias in self._layers:
            if conv.pool is not None:
                x = F.max_pool2d(x, *conv.pool)
            x = torch.relu(F.conv2d(x, weight, bias, conv.stride, conv.padding))
            if conv.tap:
                found.append(x)
        return found
