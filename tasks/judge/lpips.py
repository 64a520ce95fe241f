"""Measure `lpips`: learned perceptual distance. Needs a backbone's weights and its learned heads."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Float = NDArray[np.float32]

# What the backbones of [1] are fed with: pictures in [-1, 1], shifted and scaled by these.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
EPS = 1e-10


class Lpips:
    """LPIPS by AlexNet or VGG16, as the backbone's file says; its weights are loaded once.

    backbone: torchvision's state dict (`features.0.weight` …). heads: the linear layers that [1] publishes
    (`lin0.model.1.weight` …, (1, C, 1, 1) each); None: they are in the backbone's file too. Safetensors, or a torch
    file of plain tensors (nothing in it is executed).
    Raises FileNotFoundError, ValueError for a damaged file or heads of another network, KeyError for a missing layer.

    [1] R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018, version 0.1.
    """

    def __init__(self, backbone: Path, heads: Path | None = None) -> None:
        from models.backbones.towers import Tower
        from models.training.features import read_tensors

        tensors = read_tensors(backbone)
        self._tower = Tower(tensors)
        linear = tensors if heads is None else read_tensors(heads)
        self._heads = [linear[f"lin{layer}.model.1.weight"] for layer in range(len(self._tower.channels))]
        if [head.shape[1] for head in self._heads] != self._tower.channels:
            raise ValueError(f"{(heads or backbone).name}: the heads are not of this {self._tower.name}")
        self.network = self._tower.name

    def __call__(self, filled: Float, truth: Float) -> float:
        """Of whole composites, both (H, W, 3) float32 in [0, 1]. From 0: equal; lower is better.

        Features of five layers are divided by their channel norm at every position; squared differences are weighted by
        the head of the layer, summed over channels, averaged over positions, summed over layers. NaN for pictures that are
        too small for the network.
        """
        import torch
        from torch.nn import functional as F

        from models.backbones.towers import LEAST_PX

        if min(filled.shape[:2]) < LEAST_PX[self.network]:
            return math.nan
        with torch.inference_mode():
            a, b = (self._tower.features(self._fed(picture)) for picture in (filled, truth))
            total = torch.zeros(())
            for x, y, head in zip(a, b, self._heads, strict=True):
                units = (each / (torch.linalg.vector_norm(each, dim=1, keepdim=True) + EPS) for each in (x, y))
                off = torch.sub(*units).square()
                total = total + F.conv2d(off, head).mean()
            return float(total)

    @staticmethod
    def _fed(picture: Float) -> Tensor:
        import torch

        x = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
        shift, scale = (torch.tensor(values).view(1, 3, 1, 1) for values in (SHIFT, SCALE))
        return (2 * x - 1 - shift) / scale
