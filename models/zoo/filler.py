"""What every method of the zoo gives: fills of whole crops, with the call of `models.engine.Engine`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor

from models.engine import EngineInfo, Image, Mask, check_crop, find_device
from models.settings import Precision
from models.zoo.weights import ZooWeights

Options = TypeVar("Options", bound=BaseModel)
# (1, 3, H, W) in [0, 1], zero in the hole, and (1, 1, H, W), 1 in the hole -> (1, 3, H, W), not composited
Predict = Callable[[Tensor, Tensor], Tensor]


class Filler(Protocol):
    """A method that is ready to fill; `models.engine.Engine` is one too."""

    info: EngineInfo

    def fill(self, crops: Sequence[Image], masks: Sequence[Mask]) -> list[Image]:
        """Predictions for whole crops, not composited, in their order; each depends on its own crop and mask only.

        crops: (H, W, 3) float32 in [0, 1]; what they hold inside the mask is never looked at. masks: (H, W) bool, True is
        the hole. Returns (H, W, 3) float32 in [0, 1].
        """
        ...


@dataclass(frozen=True)
class Given:
    """What a method is built from. weights: of the method, None for one that needs none; options: as a person gave them."""

    name: str
    weights: ZooWeights | None = None
    device: str = "auto"
    precision: Precision = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)

    def chosen(self, kind: type[Options]) -> Options:
        """The options, checked. Raises ValueError that names the key and what is allowed."""
        try:
            return kind.model_validate(dict(self.options))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            known = ", ".join(kind.model_fields)
            raise ValueError(f"{self.name}: option {key}: {first['msg']}; there are {known or 'none'}") from error

    def info(self, device: torch.device, *, bf16: bool = False) -> EngineInfo:
        """Of a filler on that device; without weights their sha256 is empty."""
        on_gpu = device.type == "cuda"
        return EngineInfo(
            name=self.name,
            weights_sha256="" if self.weights is None else self.weights.sha256,
            device=f"cuda:{torch.cuda.get_device_name(device)}" if on_gpu else "cpu",
            precision="bf16" if bf16 else "fp32",
        )


class NetworkFiller:
    """A feed-forward network as a filler: crops one by one, padded at the right and the bottom to a `multiple` of pixels.

    predict: the networks, on the device of `given.device` and in evaluation mode. bf16 (only when `given.precision` asks
    for it) computes under autocast. Raises ValueError for a device that is not there.
    """

    def __init__(self, given: Given, predict: Predict, multiple: int = 8) -> None:
        self._device = find_device(given.device)
        self._bf16 = given.precision == "bf16"
        self._predict, self._multiple = predict, multiple
        self.info = given.info(self._device, bf16=self._bf16)

    def fill(self, crops: Sequence[Image], masks: Sequence[Mask]) -> list[Image]:
        """See `Filler.fill`. Raises ValueError for arrays of another kind."""
        found = []
        flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with flags, torch.inference_mode():
            for crop, mask in zip(crops, masks, strict=True):
                check_crop(crop, mask)
                found.append(self._one(crop, mask))
        return found

    def _one(self, crop: Image, mask: Mask) -> Image:
        h, w = mask.shape
        image, hole = tensors_of(crop, mask, self._multiple, self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            made = self._predict(image, hole).float()
        return image_of(made[0, :, :h, :w])


def tensors_of(crop: Image, mask: Mask, multiple: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(1, 3, H', W') with zeros in the hole, and the hole (1, 1, H', W'): mirrored to multiples at the right and bottom."""
    h, w = mask.shape
    extra = [(0, -h % multiple), (0, -w % multiple), (0, 0)]
    known = np.where(mask[..., None], np.float32(0), crop)
    stacked = np.pad(np.concatenate([known, mask[..., None].astype(np.float32)], axis=2), extra, mode="symmetric")
    tensor = torch.from_numpy(np.ascontiguousarray(stacked.transpose(2, 0, 1)))[None].to(device)
    return tensor[:, :3], tensor[:, 3:]


def image_of(tensor: Tensor) -> Image:
    """(3, H, W) -> (H, W, 3) float32 in [0, 1] on the CPU."""
    image: Image = np.ascontiguousarray(tensor.detach().clamp(0, 1).permute(1, 2, 0).float().cpu().numpy())
    return image
