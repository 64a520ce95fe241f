"""Fill one image from a notebook: no storage, no settings, no scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from models.engine import Engine, Image, Mask
from models.settings import Precision
from models.shrink import shrunk
from models.zoo.registry import find_method, load_filler

if TYPE_CHECKING:
    from models.zoo.filler import Filler

Pixels = TypeVar("Pixels", npt.NDArray[np.uint8], npt.NDArray[np.uint16], npt.NDArray[np.float32])

CONTEXT_PX = 128  # known pixels around the hole, at least
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}
GOOD_SIDE_PX = 512  # the longest side at which a generator trained on small crops is good


class Inpainter:
    """`fill(image, mask)`. For many images, several passes and corrections use `lacuna restore`."""

    def __init__(self, engine: Filler) -> None:
        self.engine = engine

    def __call__(self, image: Pixels, mask: Mask) -> Pixels:
        """Fill `image` where `mask` is True; elsewhere the result equals `image`.

        image: (H, W, 3) RGB, uint8, uint16, or float32 in [0, 1]. mask: (H, W) bool. Returns a new array like `image`.
        The generator sees the hole and its surroundings, scaled down when they are longer than 512 px.

        Raises ValueError for arrays of another kind and for a mask without a known pixel, DeviceOutOfMemory.
        """
        _check(image, mask)
        result = image.copy()
        if not mask.any():
            return result
        window = _window(mask)
        white = WHITE[image.dtype.name]
        crop, hole = (image[window] / np.float32(white)).astype(np.float32), mask[window]
        filled = self._predict(crop, hole) * np.float32(white)
        result[window][hole] = (filled if white == 1 else np.rint(filled))[hole].astype(image.dtype)
        return result

    def _predict(self, crop: Image, hole: Mask) -> Image:
        h, w = hole.shape
        scale = GOOD_SIDE_PX / max(h, w)
        if scale >= 1:
            return self.engine.fill([crop], [hole])[0]
        size = (max(1, round(w * scale)), max(1, round(h * scale)))
        small, unknown = shrunk(crop, hole, size)
        prediction = self.engine.fill([small], [unknown])[0]
        large = cv2.resize(prediction, (w, h), interpolation=cv2.INTER_CUBIC)
        return np.clip(large, 0, 1).astype(np.float32)


def load_inpainter(
    name: str = "lama-small", device: str = "auto", precision: Precision = "auto", **options: object
) -> Inpainter:
    """An inpainter with named weights, or of another method: a name of `models.zoo.registry`, or weights of one.

    options: of such a method, see its class of options. Raises WeightsNotFound, WeightsInvalid, and ValueError for a
    missing device or an unknown option.
    """
    if find_method(name) is not None:
        return Inpainter(load_filler(name, device, precision, options))
    if options:
        raise ValueError(f"{name} has no options, not even {', '.join(options)}")
    return Inpainter(Engine(name, device=device, precision=precision))


def _window(mask: Mask) -> tuple[slice, slice]:
    """The hole's bounding box and as much again around it, within the image."""

    windows = []
    for used, length in zip(np.nonzero(mask), mask.shape, strict=True):
        first, last = int(used.min()), int(used.max()) + 1
        margin = max(CONTEXT_PX, (last - first) // 2)
        windows.append(slice(max(0, first - margin), min(length, last + margin)))
    return windows[0], windows[1]


def _check(image: npt.NDArray[Any], mask: Mask) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype.name not in WHITE:
        raise ValueError(f"an image is (H, W, 3) uint8, uint16 or float32, not {image.shape} {image.dtype}")
    if mask.shape != image.shape[:2] or mask.dtype != np.bool_:
        raise ValueError(f"a mask is {image.shape[:2]} bool, not {mask.shape} {mask.dtype}")
    if mask.all():
        raise ValueError("the mask leaves no known pixel to fill from")
    if image.dtype == np.float32:
        known = image[~mask]
        if not (known >= 0).all() or not (known <= 1).all():
            raise ValueError("a float32 image has values in [0, 1]")
