"""VGG19 up to conv5_1, of any width: K. Simonyan, A. Zisserman, arXiv 1409.1556."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

BLOCKS = (("11", "12"), ("21", "22"), ("31", "32", "33", "34"), ("41", "42", "43", "44"), ("51",))
LAYERS = ("12", "22", "34", "44", "51")
# where the same convolutions stand in torchvision's `features`
TORCHVISION = dict(
    zip((n for block in BLOCKS for n in block), (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28), strict=True)
)


class Encoder:
    """Tensors with the keys `conv0` (a 1 × 1 colour transform of RGB in [0, 1]) and `conv11` … `conv51` (3 × 3, padding,
    ReLU; 2 × 2 max-pool between the blocks), each with `.weight` and `.bias`.

    padding: of the 3 × 3 convolutions, `reflect` or `constant` (zeros). Raises KeyError when a layer is missing.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], device: torch.device | str = "cpu", padding: str = "reflect"
    ) -> None:
        names = ["0", *(name for block in BLOCKS for name in block)]
        self._padding = padding
        self._layers: Mapping[str, tuple[Tensor, Tensor]] = {
            name: (tensors[f"conv{name}.weight"].to(device), tensors[f"conv{name}.bias"].to(device)) for name in names
        }

    def features(self, image: Tensor, layers: Sequence[str] = LAYERS) -> list[Tensor]:
        """Features after the ReLU of each of `layers` (B, C, h, w), in the network's order."""
        found = []
        x = F.conv2d(image, *self._layers["0"])
        for number, block in enumerate(BLOCKS):
            if number:
                x = F.max_pool2d(x, 2)
            for name in block:
                x = torch.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), self._padding), *self._layers[name]))
                if name in layers:
                    found.append(x)
                if name == layers[-1]:
                    return found
        return found


def of_torchvision(tensors: Mapping[str, Tensor], device: torch.device | str = "cpu") -> Encoder:
    """The same network from torchvision's names; its colour transform is ImageNet's normalisation."""
    spread = torch.tensor([0.229, 0.224, 0.225])
    named = {
        "conv0.weight": torch.diag(1 / spread).view(3, 3, 1, 1),
        "conv0.bias": -torch.tensor([0.485, 0.456, 0.406]) / spread,
    }
    for name, index in TORCHVISION.items():
        for kind in ("weight", "bias"):
            named[f"conv{name}.{kind}"] = tensors[f"features.{index}.{kind}"]
    return Encoder(named, device, "constant")
