"""Colour of a file: how its ICC profile says its values look. lcms converts (relative colorimetric, black points met)."""

from dataclasses import dataclass
from functools import lru_cache

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from tasks.fill.colour import Colour, Float, Plain, shown, unit
from tasks.fill.picture import plain_picture
from tasks.store.formats.header import Header, Model
from tasks.store.formats.vips import library

# The data colour space of a profile (ICC.1:2022, 7.2.6) and lcms' name for it.
_SPACES: dict[Model, bytes] = {"grey": b"GRAY", "rgb": b"RGB ", "cmyk": b"CMYK"}
_NAMES: dict[Model, str] = {"grey": "gray", "rgb": "rgb", "cmyk": "cmyk"}
_CHANNELS: dict[Model, int] = {"grey": 1, "rgb": 3, "cmyk": 4}
# Input, display, output and colour space profiles (7.2.5); not links, abstract or named colours.
_CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")
_GRID = {1: 256, 3: 9, 4: 5}  # points along each axis on which a profile is tried
_HEADER_BYTES, _MAX_BYTES = 132, 32 << 20  # press profiles have one or two megabytes, none has thirty
_HALF_STEP = 0.5 / 255


@dataclass(frozen=True)
class Converted:
    """Grey, RGB or CMYK seen through a profile. Any thread may use it: nothing is kept between calls.

    What the profile can hold and sRGB cannot is clipped for the generator.
    """

    icc: bytes
    model: Model

    def seen(self, stored: NDArray[np.generic]) -> Float:
        """(H, W, 1, 3 or 4) -> (H, W, 3)."""
        # lcms counts ink in per cent; NaN would spread to other pixels through its cache of the last one.
        values = shown(unit(stored)) * np.float32(100 if self.model == "cmyk" else 1)
        return shown(_transformed(values, self.icc, self.model, _srgb(), "rgb"))

    def stored(self, seen: Float) -> Float:
        """(H, W, 3) -> (H, W, 1, 3 or 4) in [0, 1]."""
        values = _transformed(shown(seen), _srgb(), "rgb", self.icc, self.model)
        return shown(values / np.float32(100 if self.model == "cmyk" else 1))


class _Unusable(Exception):
    """Why a profile is treated as none."""


def colour_of(
    icc: bytes | None,
    header: Header,
    pixels: NDArray[np.generic] | None = None,
    core: NDArray[np.bool_] | None = None,
) -> tuple[Colour, str | None]:
    """How the colour channels of a picture look, and a note where its profile could not be used.

    Without a usable profile, or with one that is sRGB to within half an 8-bit step, grey and RGB are taken as sRGB
    (floats by their range: `spanned`) and CMYK as libvips' own profile. Of a PNG only `iCCP` counts, not `cICP`, `gAMA`
    or `cHRM`. Never raises, whatever the bytes. `pixels` (H, W, C, alpha or not) and `core` (H, W) bool, the hole, are
    needed for floats only.
    """
    colour, note = None, None
    if icc:
        try:
            colour = _of_profile(bytes(icc), header.model)
        except _Unusable as error:
            note = f"ICC profile not used: {error}"
    if colour is None and header.model == "cmyk":
        colour = Converted(_cmyk(), "cmyk")
    channels = _CHANNELS[header.model]
    if colour is None or isinstance(colour, Plain):
        colour = Plain(channels)
        if header.dtype.kind == "f" and pixels is not None:
            hole = np.zeros(pixels.shape[:2], dtype=bool) if core is None else core
            colour = plain_picture(pixels[:, :, :channels], hole).colour
    return colour, note


@lru_cache(maxsize=16)  # an archive has few profiles
def _of_profile(icc: bytes, model: Model) -> Colour:
    """Raises _Unusable."""
    if not _HEADER_BYTES <= len(icc) <= _MAX_BYTES or icc[36:40] != b"acsp":
        raise _Unusable("it is damaged")
    if icc[12:16] not in _CLASSES or icc[20:24] not in (b"XYZ ", b"Lab "):
        raise _Unusable("it is of a kind that does not describe a picture")
    if icc[16:20] != _SPACES[model]:
        said = icc[16:20].decode("ascii", "replace").strip()
        raise _Unusable(f"it is for {said if said.isalnum() else 'something else'}, the picture is {model}")
    channels = _CHANNELS[model]
    axes = np.meshgrid(*[np.linspace(0, 1, _GRID[channels], dtype=np.float32)] * channels)
    grid = np.stack(axes, axis=-1).reshape(-1, 1, channels)
    converted = Converted(icc, model)
    try:
        seen = converted.seen(grid)
        again = converted.seen(converted.stored(seen))
    except (imagecodecs.CmsError, ValueError):
        raise _Unusable("it is damaged, or converts one way only") from None
    if model != "cmyk" and np.abs(seen - grid).max() < _HALF_STEP:
        return Plain(channels)
    # What was seen is within both gamuts: a profile that makes sense gives it again, but for its tables' coarseness.
    spread = np.diff(np.percentile(seen, (20, 80), axis=0), axis=0).max()
    if spread < _LEAST_SPREAD or np.abs(again - seen).mean() > _WORST_RETURN:
        raise _Unusable("its numbers make no sense")
    return converted


_LEAST_SPREAD, _WORST_RETURN = 0.1, 0.05


def _transformed(values: Float, icc: bytes, model: Model, out_icc: bytes, out_model: Model) -> Float:
    """(H, W, C) -> (H, W, C'), unbounded. Raises imagecodecs.CmsError."""
    height, width, channels = values.shape
    if not values.size:
        return np.zeros((height, width, _CHANNELS[out_model]), dtype=np.float32)
    flat = np.ascontiguousarray(values).reshape((-1, 1, channels) if channels > 1 else (-1, 1))
    found = imagecodecs.cms_transform(
        flat,
        icc,
        out_icc,
        colorspace=_NAMES[model],
        outcolorspace=_NAMES[out_model],
        planar=False,
        outplanar=False,
        outdtype=np.float32,
        intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
        flags=imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
    )
    return np.asarray(found, dtype=np.float32).reshape(height, width, _CHANNELS[out_model])


@lru_cache(maxsize=1)
def _srgb() -> bytes:
    return bytes(imagecodecs.cms_profile("srgb"))


@lru_cache(maxsize=1)
def _cmyk() -> bytes:
    return bytes(library().Image.profile_load("cmyk"))
