"""A dilated ResNet with bottleneck blocks, the feature network of LaMa's high-receptive-field perceptual loss [1].

[1] R. Suvorov et al., arXiv 2109.07161, section 2.2; the network is ResNet50 with a stem of three convolutions and an output
stride of 8, trained for segmentation on ADE20K [2].
[2] B. Zhou et al., "Semantic Understanding of Scenes through the ADE20K Dataset", IJCV 2018.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from models.training.features import normalised

DILATIONS = {1: 1, 2: 1, 3: 2, 4: 4}
EPS = 1e-5


class DilatedResnet:
    """Tensors named as in the segmentation network's encoder: `conv1`, `bn1` … `conv3`, `bn3`, `layer1.0.conv1` …
    Layers 1 and 2 are plain (the second halves the size), 3 and 4 keep it and dilate by 2 and 4.

    Raises KeyError when a tensor is missing, also of a normalisation or a short cut.
    """

    def __init__(self, tensors: Mapping[str, Tensor], device: torch.device | str = "cpu") -> None:
        self._tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
        names = self._tensors.keys()
        self._blocks = {
            layer: sum(f"layer{layer}.{block}.conv1.weight" in names for block in range(100)) for layer in DILATIONS
        }
        if not all(self._blocks.values()):
            raise KeyError(next(f"layer{layer}.0.conv1.weight" for layer, n in self._blocks.items() if not n))
        with torch.no_grad():
            self.features(torch.zeros(1, 3, 64, 64, device=device))  # every tensor is there and fits

    def features(self, image: Tensor) -> list[Tensor]:
        """Features after each of the four layers: strides 4, 8, 8, 8."""
        x = normalised(image)
        for number in (1, 2, 3):
            x = torch.relu(self._conv(x, f"conv{number}", f"bn{number}", stride=2 if number == 1 else 1))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        found = []
        for layer, blocks in self._blocks.items():
            for block in range(blocks):
                x = self._bottleneck(x, layer, block)
            found.append(x)
        return found

    def _bottleneck(self, x: Tensor, layer: int, block: int) -> Tensor:
        name = f"layer{layer}.{block}"
        stride = 2 if layer == 2 and block == 0 else 1
        # where a stride was taken out, that convolution itself still looks at the coarser grid's neighbours
        dilation = DILATIONS[layer] if block or layer <= 2 else DILATIONS[layer] // 2
        y = torch.relu(self._conv(x, f"{name}.conv1", f"{name}.bn1"))
        y = torch.relu(self._conv(y, f"{name}.conv2", f"{name}.bn2", stride, dilation))
        y = self._conv(y, f"{name}.conv3", f"{name}.bn3")
        if block == 0:
            x = self._conv(x, f"{name}.downsample.0", f"{name}.downsample.1", stride)
        return torch.relu(x + y)

    def _conv(self, x: Tensor, conv: str, norm: str, stride: int = 1, dilation: int = 1) -> Tensor:
        t = self._tensors
        weight = t[f"{conv}.weight"]
        x = F.conv2d(x, weight, None, stride, dilation * (weight.shape[-1] // 2), dilation)
        mean, variance = t[f"{norm}.running_mean"], t[f"{norm}.running_var"]
        return F.batch_norm(x, mean, variance, t[f"{norm}.weight"], t[f"{norm}.bias"], False, 0.0, EPS)
