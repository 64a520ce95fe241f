"""Feature networks for texture: fixed filters and the generator's own encoder, which every installation has; others by name.

A network takes RGB (1, 3, H, W) float32 in [0, 1], H and W multiples of 8, and gives maps (1, C, h, w) whose sides divide
H and W by one power of two each. The input has a gradient, the weights have none.
"""

import math
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.training.features import Features, feature_network

_LEVELS, _TURNS, _SIDE = 3, 4, 9
_LUMA = ((0.2126, 0.7152, 0.0722), (0.5, 0.0, -0.5), (-0.25, 0.5, -0.25))  # and two differences of colours
_NEAR = (1 / 4, 2 / 4, 1 / 4)
_BLUR = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_TINY = 1e-6


@cache
def network(name: str, weights: Path | None = None) -> Features:
    """`filters`; `generator` or `generator:NAME`, by default lama-small; else a file of `models.training.features`.

    Raises ValueError for a network that needs a file and has none, and what `feature_network` and `load_weights` raise.
    """
    if name == "filters":
        return Filters()
    if name.partition(":")[0] == "generator":
        return Encoder(name.partition(":")[2] or "lama-small")
    if weights is None:
        raise ValueError(f"the feature network {name!r} needs a file: correct.texture.weights")
    from models.training.loss_settings import EncoderSettings

    return feature_network(EncoderSettings(network=name, weights=weights))


class Filters:
    """Oriented filters at three scales, and how strong they answer at the next one.

    At each scale even and odd Gabor filters in four directions on the luma, and their energies of the scale before; on
    all three a centre and its surround. What texture models without learning rest on: J. Portilla and
    E. Simoncelli, "A Parametric Texture Model Based on Joint Statistics of Complex Wavelet Coefficients", IJCV 40, 2000.
    """

    def __init__(self) -> None:
        self._colours = torch.tensor(_LUMA).view(3, 3, 1, 1)
        self._gabors = torch.from_numpy(_gabors())
        surround = torch.outer(torch.tensor(_BLUR), torch.tensor(_BLUR))
        centre = -surround
        centre[2, 2] += 1
        self._blur = surround.view(1, 1, 5, 5)
        near = -torch.outer(torch.tensor(_NEAR), torch.tensor(_NEAR))
        near[1, 1] += 1
        # The narrow one answers to what changes from pixel to pixel, to which the Gabor filters are blind.
        self._centres = torch.stack([F.pad(near, (1, 1, 1, 1)), *3 * [centre]]).view(4, 1, 5, 5)

    def features(self, image: Tensor) -> list[Tensor]:
        """Maps of 3, 12, 16 and 16 channels: the colours, and a scale each, the sides halved from one to the next."""
        found = [image]
        planes, energies = F.conv2d(image, self._colours), None
        for level in range(_LEVELS):
            luma = planes[:, :1]
            answers = F.conv2d(_mirrored(luma, _SIDE // 2), self._gabors)
            parts = [answers, F.conv2d(_mirrored(torch.cat([luma, planes], 1), 2), self._centres, groups=4)]
            if energies is not None:
                parts.append(energies)
            found.append(torch.cat(parts, 1))
            if level < _LEVELS - 1:
                even, odd = answers[:, :_TURNS], answers[:, _TURNS:]
                energies = self._halved(torch.sqrt(even**2 + odd**2 + _TINY))
                planes = self._halved(planes)
        return found

    def _halved(self, planes: Tensor) -> Tensor:
        count = planes.shape[1]
        return F.conv2d(_mirrored(planes, 2), self._blur.expand(count, 1, 5, 5), stride=2, groups=count)


class Encoder:
    """What a generator's encoder makes of a picture without a hole: its map at each scale, and the colours."""

    def __init__(self, name: str) -> None:
        from models.fold import fold_batch_norm
        from models.lama import down_at
        from models.weights import load_weights

        model = fold_batch_norm(load_weights(name).build())
        levels = range(model.config.n_downsampling)
        self._layers = list(model.model)[: down_at(model.config, levels[-1]) + 1]
        self._told = {down_at(model.config, level) for level in levels}

    def features(self, image: Tensor) -> list[Tensor]:
        """The colours, then a map for each level but the last, whose sides are halved from one to the next."""
        found = [image]
        x: Tensor | tuple[Tensor | None, ...] = torch.cat([image, torch.zeros_like(image[:, :1])], 1)
        for index, layer in enumerate(self._layers):
            x = layer(x)
            if index in self._told:
                local = x if isinstance(x, Tensor) else x[0]  # nothing is global before the narrowest layer
                assert local is not None
                found.append(local)
        return found


def _gabors() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Even filters, then odd ones, each direction of unit norm and without a mean: (2 · turns, 1, side, side)."""
    half = _SIDE // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    window = np.exp(-(x**2 + y**2) / (2 * 2.0**2))
    found = []
    for wave in (np.cos, np.sin):
        for turn in range(_TURNS):
            angle = math.pi * turn / _TURNS
            plane = window * wave(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / 5)
            plane -= window * plane.sum() / window.sum()
            found.append(plane / np.sqrt((plane**2).sum()))
    return np.stack(found)[:, None].astype(np.float32)


def _mirrored(planes: Tensor, px: int) -> Tensor:
    return F.pad(planes, (px, px, px, px), "reflect")
