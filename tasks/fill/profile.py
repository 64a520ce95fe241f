"""A hole's profile along one axis: what lies before and after each place where it could be cut, found in one pass."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.packing import Boxes

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Profile:
    """there, low, high, width: all (N,), along the axis: whether the hole is there, from where to where across it lies
    (low >= high where it is not), and how thick it is, px."""

    there: Bool
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    width: Float

    @property
    def length(self) -> int:
        """Places along the axis."""
        return len(self.there)

    def widest(self, places: NDArray[np.int64], reach: int) -> Float:
        """How thick the hole is at most within `reach` of each place."""
        kernel = np.ones((1, 2 * reach + 1), dtype=np.uint8)
        spread = cv2.dilate(self.width[None], kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)[0]
        return np.asarray(spread[places], dtype=np.float32)

    def before(self, places: NDArray[np.int64]) -> tuple[Boxes, Float]:
        """The box (M, 4) of what lies before each place, along the axis first, and its thickness (M,)."""
        index = np.clip(places, 1, self.length) - 1
        first = int(np.flatnonzero(self.there)[0])
        last = np.maximum.accumulate(np.where(self.there, np.arange(self.length) + 1, 0))[index]
        low, high = np.minimum.accumulate(self.low)[index], np.maximum.accumulate(self.high)[index]
        boxes = np.stack([np.minimum(first, last), np.minimum(low, high), last, high], axis=1)
        return boxes.astype(np.int64), np.maximum.accumulate(self.width)[index]

    def after(self, places: NDArray[np.int64]) -> tuple[Boxes, Float]:
        """The same of what lies from each place on."""
        turned = Profile(self.there[::-1], self.low[::-1], self.high[::-1], self.width[::-1])
        boxes, thickness = turned.before(self.length - places)
        boxes[:, [0, 2]] = self.length - boxes[:, [2, 0]]
        return boxes, thickness


def profile_of(own: Bool, width: Float) -> Profile:
    """own (across, along) bool, width (across, along) float32: the hole, and how thick it is, px."""
    there, across = np.asarray(own.any(axis=0)), own.shape[0]
    low = np.where(there, own.argmax(axis=0), across)
    high = np.where(there, across - own[::-1].argmax(axis=0), 0)
    return Profile(there, low, high, width.max(axis=0))
