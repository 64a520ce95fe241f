"""Batch norms folded into the convolutions before them: the same function with fewer passes over memory."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from models.lama import FFCBatchNormAct, FourierUnit, Lama, SpectralTransform

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def fold_batch_norm(model: Lama) -> Lama:
    """A copy of `model` for inference only, without batch norms.

    BN(w·x) = s·w·x + (β − s·μ) with s = γ / √(σ² + ε). Two paths that are summed before a batch norm are both scaled,
    and one of them carries the offset. Computed in fp64; differs from the original by rounding only.
    """
    folded = copy.deepcopy(model).eval()
    for module in folded.modules():
        if isinstance(module, FFCBatchNormAct):
            ffc = module.ffc
            module.bn_l = _absorb(module.bn_l, _last(ffc.convl2l), _last(ffc.convg2l))
            module.bn_g = _absorb(module.bn_g, _last(ffc.convl2g), _last(ffc.convg2g))
        elif isinstance(module, FourierUnit):
            module.bn = _absorb(module.bn, module.conv_layer) or nn.Identity()
        elif isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                if isinstance(module[index], CONVOLUTIONS):
                    module[index + 1] = _absorb(module[index + 1], module[index]) or nn.Identity()
    return folded.requires_grad_(False)


def _last(path: nn.Module | None) -> nn.Module | None:
    """The convolution that a path ends with."""
    return path.conv2 if isinstance(path, SpectralTransform) else path


def _absorb(norm: nn.Module | None, *paths: nn.Module | None) -> nn.Module | None:
    """Scale every path, give the offset to the first one that exists; returns what stands in the norm's place."""
    if not isinstance(norm, nn.BatchNorm2d):
        return norm
    mean, var = norm.running_mean, norm.running_var
    if mean is None or var is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    scale = norm.weight.double() / torch.sqrt(var.double() + norm.eps)
    offset: Tensor | None = norm.bias.double() - scale * mean.double()
    for conv in paths:
        if not isinstance(conv, CONVOLUTIONS):
            continue
        # a transposed convolution keeps its output channels in the second dimension
        shape = (1, -1, 1, 1) if isinstance(conv, nn.ConvTranspose2d) else (-1, 1, 1, 1)
        dtype = conv.weight.dtype
        bias = torch.zeros_like(scale) if conv.bias is None else conv.bias.double() * scale
        if offset is not None:
            bias, offset = bias + offset, None
        conv.weight = nn.Parameter((conv.weight.double() * scale.view(shape)).to(dtype))
        conv.bias = nn.Parameter(bias.to(dtype)) if conv.bias is not None or bool(bias.any()) else None
    return nn.Identity()
