"""A folded generator for CPUs: the same function with fewer passes over memory and fewer multiplications.

Every path of an FFC ends in a convolution, so its maps are sums of convolutions: the second adds to the first one's
output and rectifies it as it writes (`models.convolution`), each map is padded once for all paths that read it, weights
lie in the layout that the kernels want, 3 × 3 convolutions of large fp32 maps are products of tiles (`models.winograd`),
and Fourier units are matrix products (`models.spectrum`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models import winograd
from models.convolution import FusedConv, NarrowConv
from models.lama import FFCBatchNormAct, FFCResnetBlock, Lama, Pair, SpectralTransform
from models.regular import ResidualBlock
from models.spectrum import MatrixFourierUnit


def fuse(model: Lama) -> Lama:
    """`model`, folded (`models.fold`), on a CPU and of its final dtypes: its layers are exchanged, for inference only.

    What has no faster form stays as it is. Differs from the original by rounding only.
    """
    _fuse(model.model)
    for index, skip in enumerate(model.skips):
        assert isinstance(skip, nn.Conv2d)
        model.skips[index] = FusedConv(skip)
    for index, strength in enumerate(model.noise.strengths):
        assert isinstance(strength, nn.Conv2d)
        model.noise.strengths[index] = FusedConv(strength)
    return model


class FusedSpectral(nn.Module):
    """A spectral transform without its last convolution, which is `last`."""

    def __init__(self, transform: SpectralTransform) -> None:
        super().__init__()
        first = transform.conv1[0]
        assert isinstance(first, nn.Conv2d)
        self.first = FusedConv(first, relu=True)
        self.unit = MatrixFourierUnit(transform.fu)
        self.last = FusedConv(transform.conv2)

    def forward(self, x: Tensor) -> Tensor:  # (B, C_in, H, W) -> (B, C_out / 2, H, W)
        y: Tensor = self.unit(self.first(x).float())
        return y.to(x.dtype)


class Source:
    """A map (B, C, H, W) that several convolutions read, and what they have in common, made once."""

    def __init__(self, x: Tensor) -> None:
        self.x = x
        self._padded: Tensor | None = None
        self._tiles: list[Tensor] = []

    def padded(self, conv: FusedConv) -> Tensor:
        """With its reflection: the convolutions of one FFC have one padding."""
        if self._padded is None:
            self._padded = conv.pad(self.x)
        return self._padded

    def tiles(self) -> list[Tensor]:
        """As `models.winograd` wants it, map by map: a map's bytes do not depend on the others."""
        if not self._tiles:
            self._tiles = [winograd.tiles(each) for each in self.x.permute(0, 2, 3, 1)]
        return self._tiles


class FusedSum(nn.Module):
    """The rectified sum of the paths to one map: paths from the local and from the global map, None where there is none."""

    def __init__(self, *paths: nn.Module | None) -> None:
        super().__init__()
        self.convs, self.spectral = nn.ModuleDict(), nn.ModuleDict()
        for name, path in zip(("local", "global"), paths, strict=True):
            if isinstance(path, SpectralTransform):
                self.spectral[name] = FusedSpectral(path)
            elif isinstance(path, nn.Conv2d):
                self.convs[name] = FusedConv(path)

    def forward(self, sources: dict[str, Source]) -> Tensor | None:
        convs = _present(self.convs, sources)
        spectral = _present(self.spectral, sources)
        y: Tensor | None = None
        if convs and all(conv.gains_by_tiles(source.x) for source, conv in convs):
            y = _by_tiles(convs, relu=not spectral)
        else:
            for number, (source, conv) in enumerate(convs, 1):
                y = conv.apply_to(source.padded(conv), y, number == len(convs) and not spectral)
        for number, (source, path) in enumerate(spectral, 1):
            y = path.last.apply_to(path(source.x), y, number == len(spectral))
        return y


class FusedFFC(nn.Module):
    """FFC and ReLU, batch norms folded before."""

    def __init__(self, layer: FFCBatchNormAct) -> None:
        super().__init__()
        ffc = layer.ffc
        self.to_local = FusedSum(ffc.convl2l, ffc.convg2l)
        self.to_global = FusedSum(ffc.convl2g, ffc.convg2g)

    def forward(self, x: Tensor | Pair) -> Pair:
        maps = zip(("local", "global"), (x, None) if isinstance(x, Tensor) else x, strict=True)
        sources = {name: Source(each) for name, each in maps if each is not None}
        return self.to_local(sources), self.to_global(sources)


class FusedBlock(nn.Module):
    """Two FFCs and the identity."""

    def __init__(self, block: FFCResnetBlock) -> None:
        super().__init__()
        self.conv1, self.conv2 = FusedFFC(block.conv1), FusedFFC(block.conv2)

    def forward(self, x: Pair) -> Pair:
        local, glob = self.conv2(self.conv1(x))
        for made, before in zip((local, glob), x, strict=True):
            if made is not None:
                made.add_(before)
        return local, glob


def _present(paths: nn.ModuleDict, sources: dict[str, Source]) -> list[tuple[Source, Any]]:
    """The paths whose map is there, and their maps."""
    return [(sources[name], path) for name, path in paths.items() if name in sources]


def _by_tiles(convs: list[tuple[Source, FusedConv]], *, relu: bool) -> Tensor:
    """The sum of convolutions by `models.winograd`, rectified if `relu`: (B, C_out, H, W)."""
    b, _, h, w = convs[0][0].x.shape
    biases = [conv.bias for _, conv in convs if conv.bias is not None]
    bias = torch.stack(biases).sum(0) if biases else None
    y = torch.empty(b, h, w, convs[0][1].at_points.shape[2])
    for number, target in enumerate(y):
        (source, conv), *others = convs
        products = torch.bmm(source.tiles()[number], conv.at_points)
        for source, conv in others:
            products.baddbmm_(source.tiles()[number], conv.at_points)
        winograd.assemble(products, bias, relu, target)
    return y.permute(0, 3, 1, 2)


def _fuse(layers: nn.Sequential) -> None:
    """Exchange layers in place; every layer keeps its number."""
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            relu = _following_relu(layers, index)
            narrow = relu is None and NarrowConv.fits(layer)
            layers[index] = NarrowConv(layer) if narrow else FusedConv(layer, relu=relu is not None)
            if relu is not None:
                layers[relu] = nn.Identity()
        elif isinstance(layer, FFCBatchNormAct):
            layers[index] = FusedFFC(layer)
        elif isinstance(layer, FFCResnetBlock):
            layers[index] = FusedBlock(layer)
        elif isinstance(layer, ResidualBlock):
            _fuse(layer.conv_block)
        elif isinstance(layer, nn.ReLU):
            layer.inplace = True


def _following_relu(layers: nn.Sequential, index: int) -> int | None:
    """Where the ReLU is that follows layer `index`, if nothing but identities stand between them."""
    for number in range(index + 1, len(layers)):
        if isinstance(layers[number], nn.ReLU):
            return number
        if not isinstance(layers[number], nn.Identity):
            break
    return None
