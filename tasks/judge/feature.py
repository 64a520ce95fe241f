"""Measure `feature_distance`: how different two pictures look to a feature network. Needs the network's weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.training.features import Features

Float = NDArray[np.float32]

LEAST_PX = 32  # four times halved, a shorter side has no neighbours to reflect


class FeatureDistance:
    """The distance by a named network; its weights are loaded once.

    network: as in `models.training.features.feature_network`: `vgg19`, `vgg19-torchvision`, `resnet50-dilated` or
    `package.module:function`. Raises what it raises: FileNotFoundError, ValueError, KeyError.
    """

    def __init__(self, weights: Path, network: str = "vgg19") -> None:
        from models.training.features import feature_network
        from models.training.loss_settings import EncoderSettings

        self.network = network
        self._features: Features = feature_network(EncoderSettings(network=network, weights=weights))

    def __call__(self, filled: Float, truth: Float) -> float:
        """Of whole composites, both (H, W, 3) float32 in [0, 1]. Range [0, 4 · layers], 0: equal, lower is better.

        Features of each layer are divided by their channel norm at every position; squared differences are summed over
        channels, averaged over positions, summed over layers. For `vgg19` the layers are conv12, 22, 34, 44 and 51.
        Numbers of different networks do not compare. R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as
        a Perceptual Metric", CVPR 2018, without its learned weights. NaN below 32 pixels a side.
        """
        import torch

        from models.training.losses import feature_distance

        if min(filled.shape[:2]) < LEAST_PX:
            return float("nan")
        with torch.inference_mode():
            pictures = (torch.from_numpy(np.ascontiguousarray(p.transpose(2, 0, 1)[None])) for p in (filled, truth))
            a, b = (self._features.features(picture) for picture in pictures)
            return float(feature_distance(a, b))
