"""Whether another page of a TIFF shows the same picture as the first, judged by small grey versions of both."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.store.formats.tiff_picture import Picture
from tasks.store.formats.vips import library, pixels_of

Samples = NDArray[np.generic]
Mask = NDArray[np.bool_]
Grey = NDArray[np.float32]

_SAMPLED = 512  # pixels that are looked at along a side
_CELLS = 32  # cells that are compared along a side, at most; more samples than cells even out how a copy was made
_KNOWN = 0.75  # share of a cell that must not be masked
_CORRELATION = 0.9
_FLAT, _SAME = 0.01, 0.02  # of full scale


@dataclass(frozen=True)
class Likeness:
    """The first page: `pixels` (H, W, C) is its result, which outside `mask` is the original."""

    first: Picture
    pixels: Samples
    mask: Mask

    def shape_of(self, height: int, width: int) -> bool:
        """Could a picture of this size be the first at another scale?"""
        own_height, own_width = self.first.size
        off = abs(width * own_height - height * own_width)
        return off <= 1.5 * max(own_height, own_width)

    def shows(self, picture: Picture) -> bool:
        """Does `picture`, of the first's shape, show the same? Raises as `Picture.decode` does."""
        step = max(1, max(picture.size) // _SAMPLED)
        return self._alike(_grey(picture.sampled(step), picture.kind.model == "cmyk"))

    def shown_by_page(self, data: bytes, number: int) -> bool | None:
        """The same for a page of the chain that only libvips can decode; None where it cannot either."""
        pyvips = library()
        try:
            image = pyvips.Image.tiffload_buffer(data, page=number, access="sequential", fail_on="error")
            step = max(1, max(image.width, image.height) // _SAMPLED)
            pixels = pixels_of(image.colourspace("srgb").subsample(step, step))
        except pyvips.Error:
            return None
        return self._alike(_grey(pixels, False))

    def equals(self, picture: Picture) -> bool:
        """Is a picture of the same size and kind equal to the original of the first, sample for sample?"""
        if picture.kind.dtype != self.first.kind.dtype or picture.kind.model != self.first.kind.model:
            return False
        if picture.kind.alpha != self.first.kind.alpha or not picture.like(self.pixels, ~self.mask):
            return False
        return picture.like(self.first.decode(), np.ones_like(self.mask))

    @cached_property
    def _small(self) -> tuple[Grey, NDArray[np.float32]]:
        """Grey, and how much of it is known: both sampled."""
        step = max(1, max(self.first.size) // _SAMPLED)
        known = ~self.mask[::step, ::step]
        cmyk = self.first.kind.model == "cmyk"
        if known.mean() < 0.5:
            grey = _grey(self.first.sampled(step), cmyk)
            return grey, np.ones_like(grey)
        return _grey(self.pixels[::step, ::step], cmyk), known.astype(np.float32)

    def _alike(self, other: Grey) -> bool:
        grey, known = self._small
        scale = min(_CELLS / max(other.shape), 0.5)
        size = tuple(max(1, round(side * scale)) for side in (other.shape[1], other.shape[0]))
        share = _cells(known, size)
        ours = _cells(grey * known, size) / np.maximum(share, 1e-6)
        a, b = ours[share > _KNOWN], _cells(other, size)[share > _KNOWN]
        if not a.size:
            return False
        if a.std() < _FLAT or b.std() < _FLAT:
            return bool(max(a.std(), b.std()) < _FLAT and abs(a.mean() - b.mean()) < _SAME)
        return bool(np.corrcoef(a, b)[0, 1] >= _CORRELATION)


def _grey(pixels: Samples, cmyk: bool) -> Grey:
    """(h, w, C) as seen -> (h, w) float32, about 0 to 1; extra channels are left out."""
    colours = pixels[:, :, : 4 if cmyk else (3 if pixels.shape[2] > 2 else 1)].astype(np.float32)
    if pixels.dtype.kind != "f":
        colours /= np.float32(np.iinfo(str(pixels.dtype)).max)
    else:
        colours = np.nan_to_num(colours, nan=0, posinf=0, neginf=0)
        colours = (colours - colours.min()) / max(float(np.ptp(colours)), 1e-20)
    if cmyk:
        return np.asarray((1 - colours[:, :, :3]).mean(axis=2) * (1 - colours[:, :, 3]), np.float32)
    return np.asarray(colours.mean(axis=2), np.float32)


def _cells(values: Grey, size: tuple[int, ...]) -> Grey:
    small = cv2.resize(values, (size[0], size[1]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)
