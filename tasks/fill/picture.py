"""A picture: stored values and how they look. What the passes get; a part is converted when it is cut."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.fill.colour import Colour, Plain, spanned, valid

Box = tuple[slice, slice]


@dataclass(frozen=True)
class Picture:
    """`pixels` (H, W, C) uint8, uint16 or float32 as stored, without alpha; `colour` says how they look."""

    pixels: NDArray[np.generic]
    colour: Colour

    @property
    def levels(self) -> int | None:
        """How many steps a channel has; None for floats."""
        return int(np.iinfo(str(self.pixels.dtype)).max) + 1 if self.pixels.dtype.kind in "iu" else None

    @property
    def exact(self) -> bool:
        """Whether every stored value survives being seen: then nothing has to be carried past the generator."""
        return isinstance(self.colour, Plain) and self.levels is not None

    def missing(self, box: Box) -> NDArray[np.bool_] | None:
        """Which pixels of a part are no numbers (`colour.valid`), (h, w); None where there cannot be any."""
        return None if self.levels is not None else np.asarray(~valid(self.pixels[box]).all(axis=2))


def plain_picture(pixels: NDArray[np.generic], hole: NDArray[np.bool_]) -> Picture:
    """A picture without a profile: sRGB, or floats shown by the range of what is known. `hole` (H, W) bool.

    Raises ValueError for other than 1 or 3 channels: nobody knows what they look like.
    """
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise ValueError(f"an image without a colour is (H, W, 1 or 3), not {pixels.shape}")
    if pixels.dtype.kind != "f":
        return Picture(pixels, Plain(pixels.shape[2]))
    # A sample is enough for a percentile, and 100 megapixels are not sorted for it.
    step = max(1, int((hole.size / _SAMPLE) ** 0.5))
    return Picture(pixels, spanned(pixels[::step, ::step][~hole[::step, ::step]]))


_SAMPLE = 1_000_000
