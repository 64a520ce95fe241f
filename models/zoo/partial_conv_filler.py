"""Filling pictures of any size with a partial-convolution autoencoder that was trained on small crops."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from pydantic import Field, ValidationError

from models.engine import EngineInfo, Image, Mask, find_device
from models.shrink import shrunk
from models.training.loss_settings import Frozen
from models.weights import WeightsInvalid
from models.zoo.filler import Given, NetworkFiller
from models.zoo.partial_conv import PartialConvConfig, PartialConvNet

LEAST_PX = 16  # of a picture that has been scaled down


class PartialConvOptions(Frozen):
    """deepest_px: how far a pixel of the hole may lie from the next known one, in what the network sees.

    A network that was trained on crops of 32 px has met holes about 8 px deep. A picture with a deeper hole is shown to it
    scaled down until its hole is no deeper, and the fill is scaled up: it has the right place and colour, and no more
    detail than the smaller picture. None: every picture at its own size, whatever comes.
    """

    deepest_px: float | None = Field(default=8.0, ge=1)


class PartialConvFiller:
    """See `models.zoo.filler.Filler`."""

    def __init__(self, network: PartialConvNet, given: Given) -> None:
        self._options = given.chosen(PartialConvOptions)
        self._network = NetworkFiller(given, network, network.config.multiple)
        self.info: EngineInfo = self._network.info

    def fill(self, crops: Sequence[Image], masks: Sequence[Mask]) -> list[Image]:
        """Predictions, not composited. Raises ValueError for arrays of another kind."""
        return [self._one(crop, mask) for crop, mask in zip(crops, masks, strict=True)]

    def _one(self, crop: Image, mask: Mask) -> Image:
        h, w = mask.shape
        scale = self._scale(mask)
        if scale >= 1 or mask.all():
            return self._network.fill([crop], [mask])[0]
        size = (max(min(w, LEAST_PX), round(w * scale)), max(min(h, LEAST_PX), round(h * scale)))
        small, unknown = shrunk(crop, mask, size)
        large = cv2.resize(self._network.fill([small], [unknown])[0], (w, h), interpolation=cv2.INTER_CUBIC)
        return np.clip(large, 0, 1).astype(np.float32)

    def _scale(self, mask: Mask) -> float:
        if self._options.deepest_px is None or not mask.any():
            return 1.0
        # the picture's edge is no known pixel, so it does not make a hole shallower
        depth = float(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())
        return self._options.deepest_px / depth


def build(given: Given) -> PartialConvFiller:
    """With the weights of `given`. Raises WeightsInvalid, ValueError for an unknown option or device."""
    if given.weights is None:
        raise ValueError(f"{given.name} needs weights")
    try:
        config = PartialConvConfig.model_validate(dict(given.weights.config))
    except ValidationError as error:
        raise WeightsInvalid(f"{given.weights.name}: {error}") from error
    with torch.device("meta"):
        empty = PartialConvNet(config)
    network = given.weights.put_into(empty)
    return PartialConvFiller(network.to(find_device(given.device)), given)
