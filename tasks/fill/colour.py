"""Colour: what a generator sees of stored values, and how its fill goes back among them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


class Colour(Protocol):
    """How stored values look. Both directions work on any part of an image; neither ever sees alpha.

    `stored` undoes `seen` where what is stored can be shown at all; what is lost on the way is `residual.py`'s matter.
    """

    def seen(self, stored: NDArray[np.generic]) -> Float:
        """(H, W, C) as stored, C the colour channels -> (H, W, 3) float32 in [0, 1], sRGB-like; NaN gives 0."""

    def stored(self, seen: Float) -> Float:
        """(H, W, 3) float32 in [0, 1] -> (H, W, C) float32 in stored units, where 1.0 is full scale for integers."""


def full_scale(dtype: np.dtype[np.generic]) -> float:
    """The value that stands for 1.0: 255, 65535, or 1 for floats."""
    return float(np.iinfo(str(dtype)).max) if dtype.kind in "iu" else 1.0


def unit(stored: NDArray[np.generic]) -> Float:
    """(…) as stored -> (…) float32 in stored units: integers in [0, 1], floats as they are."""
    values = stored.astype(np.float32, copy=False)
    return values if stored.dtype.kind == "f" else values / np.float32(full_scale(stored.dtype))


def shown(values: NDArray[np.floating]) -> Float:
    """(…) floats -> (…) float32 in [0, 1]: clipped, NaN gives 0."""
    with np.errstate(invalid="ignore"):  # of a signalling NaN
        clipped: Float = np.clip(values, 0, 1).astype(np.float32, copy=False)
    clipped[np.isnan(clipped)] = 0
    return clipped


def valid(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """(…) floats -> (…) bool: False for NaN, infinity, and the largest floats, which say "no data" in maps."""
    return np.asarray(np.abs(values.astype(np.float32, copy=False)) < _LARGEST)


class Plain:
    """Grey or RGB taken as sRGB."""

    def __init__(self, channels: int = 3) -> None:
        self.channels = channels

    def seen(self, stored: NDArray[np.generic]) -> Float:
        """(H, W, 1 or 3) -> (H, W, 3); floats are clipped."""
        scaled = unit(stored)
        if stored.dtype.kind == "f":
            scaled = shown(scaled)
        return np.repeat(scaled, 3, axis=2) if stored.shape[2] == 1 else scaled

    def stored(self, seen: Float) -> Float:
        """(H, W, 3) -> (H, W, `channels`); grey is the mean."""
        return seen.mean(axis=2, keepdims=True) if self.channels == 1 else seen


@dataclass(frozen=True)
class Spanned:
    """Floats of any range, grey or RGB: `low` is shown as 0, `high` as 1, between them a power curve."""

    low: float
    high: float
    exponent: float = 1.0
    channels: int = 3

    def seen(self, stored: NDArray[np.generic]) -> Float:
        """(H, W, 1 or 3) float32 -> (H, W, 3): ((v − low) / (high − low)) ^ exponent, clipped."""
        with np.errstate(over="ignore", invalid="ignore"):
            share = (stored.astype(np.float64) - self.low) / (self.high - self.low)
        return Plain(self.channels).seen(shown(share).astype(np.float64) ** self.exponent)

    def stored(self, seen: Float) -> Float:
        """(H, W, 3) -> (H, W, `channels`): low + (high − low) · v ^ (1 / exponent)."""
        share = Plain(self.channels).stored(seen).astype(np.float64) ** (1 / self.exponent)
        return (self.low + (self.high - self.low) * share).astype(np.float32)


def spanned(values: NDArray[np.generic]) -> Plain | Spanned:
    """How to show floats without a profile: values (N, 1 or 3) float32, the known ones, NaN and infinity among them.

    A float file does not say what its numbers mean. Numbers in [0, 1] that use a fair part of it are taken as they are.
    Others (radiance, elevation, density) have no looks of their own, only a range: the darkest and the brightest 0.1 %
    of the finite values are set aside, and the rest is spread over [0, 1], channels alike, so that hue stays. Where none
    of them is negative and most lie in the dark end, as scene-linear light does, a power curve brings the median towards
    middle grey: a generator trained on photographs sees texture there, not black (twelve photographs made linear and
    four times as bright, lama-small: 0.3 dB better than the straight line). Both are undone exactly on the fill; what
    was set aside comes back as `residual.py` says.
    """
    channels = values.shape[-1]
    finite = values[valid(values)].astype(np.float64)
    if not finite.size:
        return Plain(channels)
    low, middle, high = (float(v) for v in np.percentile(finite, (0.1, 50, 99.9)))
    if high <= low or (low >= 0 and high <= 1 and high - low >= _NARROW):
        return Plain(channels)
    exponent = 1.0
    if low >= 0:
        low = 0.0 if low < 0.1 * high else low
        share = (middle - low) / (high - low)
        if 0 < share < _DARK:
            exponent = max(_STEEPEST, float(np.log(_MIDDLE) / np.log(share)))
    return Spanned(low, high, exponent, channels)


_LARGEST = 1e30
_NARROW = 1 / 32  # a narrower range than this would leave the generator fewer than eight of its 8-bit steps
_DARK = 0.2  # a median below this is skewed: linear light has its middle grey at 0.18 of white
_MIDDLE = 0.4  # where the median goes then; the median of photographs lies at 0.4 to 0.5
_STEEPEST = 1 / 4
