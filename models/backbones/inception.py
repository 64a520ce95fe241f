"""InceptionV3 up to its last average, in the variant that FID is defined by.

C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, fig. 5 to 7. The weights that
published FIDs use were trained in TensorFlow; ported to torchvision's names (`pt_inception-2015-12-05`, 2048 features)
they want averages that do not count padding and a maximum in the last block, which is what this does. Widths are read
from the tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

EPS = 1e-3
SIDE_PX = 299
STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "pool", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "pool")
STRIDED = (
    "Conv2d_1a_3x3",
    "Mixed_6a.branch3x3",
    "Mixed_6a.branch3x3dbl_3",
    "Mixed_7a.branch3x3_2",
    "Mixed_7a.branch7x7x3_4",
)
UNPADDED = (*STRIDED, "Conv2d_2a_3x3", "Conv2d_4a_3x3")
# each block: the branches of convolutions, one after the other in a branch; a last pair is concatenated, not chained
BRANCHES_5 = (("branch1x1",), ("branch5x5_1", "branch5x5_2"), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"))
BRANCHES_6 = (
    ("branch1x1",),
    ("branch7x7_1", "branch7x7_2", "branch7x7_3"),
    ("branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"),
)
BRANCHES_7: tuple[tuple[str | tuple[str, str], ...], ...] = (
    ("branch1x1",),
    ("branch3x3_1", ("branch3x3_2a", "branch3x3_2b")),
    ("branch3x3dbl_1", "branch3x3dbl_2", ("branch3x3dbl_3a", "branch3x3dbl_3b")),
)
REDUCTIONS: dict[str, tuple[tuple[str, ...], ...]] = {
    "Mixed_6a": (("branch3x3",), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")),
    "Mixed_7a": (
        ("branch3x3_1", "branch3x3_2"),
        ("branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4"),
    ),
}
BLOCKS: dict[str, Sequence[Sequence[str | tuple[str, str]]]] = {
    **dict.fromkeys(("Mixed_5b", "Mixed_5c", "Mixed_5d"), BRANCHES_5),
    "Mixed_6a": REDUCTIONS["Mixed_6a"],
    **dict.fromkeys(("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"), BRANCHES_6),
    "Mixed_7a": REDUCTIONS["Mixed_7a"],
    **dict.fromkeys(("Mixed_7b", "Mixed_7c"), BRANCHES_7),
}


class Inception:
    """Raises KeyError when a tensor is missing, RuntimeError when one does not fit."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = tensors
        with torch.no_grad():
            self.channels = self.pooled(torch.zeros(1, 3, 96, 96)).shape[1]  # every tensor is there and fits

    def features(self, image: Tensor) -> Tensor:
        """RGB (B, 3, H, W) in [0, 1] of any size, scaled to 299 × 299 -> (B, C) of the last average."""
        return self.pooled(F.interpolate(image, (SIDE_PX, SIDE_PX), mode="bilinear", align_corners=False))

    def pooled(self, image: Tensor) -> Tensor:
        """The same at the image's own size, at least 75 px a side."""
        x = 2 * image - 1
        for name in STEM:
            x = F.max_pool2d(x, 3, 2) if name == "pool" else self._conv(x, name)
        for name, branches in BLOCKS.items():
            parts = [self._branch(x, name, branch) for branch in branches]
            x = torch.cat([*parts, *self._pooling(x, name)], 1)
        return x.mean((2, 3))

    def _pooling(self, x: Tensor, block: str) -> list[Tensor]:
        """The last branch of a block: an average (a maximum in the last block) and a convolution, or a bare maximum."""
        if block in REDUCTIONS:
            return [F.max_pool2d(x, 3, 2)]
        last = block == "Mixed_7c"
        around = F.max_pool2d(x, 3, 1, 1) if last else F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return [self._conv(around, f"{block}.branch_pool")]

    def _branch(self, x: Tensor, block: str, names: Sequence[str | tuple[str, str]]) -> Tensor:
        for name in names:
            if isinstance(name, tuple):
                return torch.cat([self._conv(x, f"{block}.{each}") for each in name], 1)
            x = self._conv(x, f"{block}.{name}")
        return x

    def _conv(self, x: Tensor, name: str) -> Tensor:
        """Convolution, batch norm in evaluation, ReLU. Kernels that are not strided keep the size, but for the stem's."""
        t = self._tensors
        weight = t[f"{name}.conv.weight"]
        padding = (0, 0) if name in UNPADDED else (weight.shape[2] // 2, weight.shape[3] // 2)
        x = F.conv2d(x, weight, None, 2 if name in STRIDED else 1, padding)
        mean, variance = t[f"{name}.bn.running_mean"], t[f"{name}.bn.running_var"]
        return torch.relu(
            F.batch_norm(x, mean, variance, t[f"{name}.bn.weight"], t[f"{name}.bn.bias"], False, 0.0, EPS)
        )
