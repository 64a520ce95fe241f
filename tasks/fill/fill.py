"""Fill one image: holes found, a pass chosen for each, fills composited. No storage, no Ray: usable from a notebook."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.errors import MaskCoversAll
from tasks.fill.holes import Hole, find_holes
from tasks.fill.mask import dilate, feather_weight
from tasks.fill.passes import PASSES, Generator
from tasks.fill.region import full_scale, to_float_rgb
from tasks.fill.settings import FillSettings, MaskSettings


@dataclass(frozen=True)
class FilledHole:
    """Which pass filled a hole."""

    hole: Hole
    fill_pass: str


@dataclass(frozen=True)
class Filled:
    """The result of `fill_image`."""

    pixels: NDArray[np.generic]  # (H, W, C), the dtype of the input
    mask: NDArray[np.bool_]  # (H, W), the dilated mask: outside it `pixels` equals the input
    holes: list[FilledHole]


def fill_image(
    image: NDArray[np.generic],
    core: NDArray[np.bool_],
    generator: Generator,
    mask_settings: MaskSettings | None = None,
    settings: FillSettings | None = None,
) -> Filled:
    """Fill the hole `core` of `image`.

    image (H, W, 1 or 3) uint8, uint16 or float32 in [0, 1]; core (H, W) bool, before dilation. The result has the
    input's dtype; arrays are float from cut to composite and quantised once. Outside the dilated mask no value changes.
    Raises MaskCoversAll.
    """
    mask_settings, settings = mask_settings or MaskSettings(), settings or FillSettings()
    mask = dilate(core, mask_settings.dilate_px)
    if mask.all():
        raise MaskCoversAll(f"dilated by {mask_settings.dilate_px} px the mask covers all {mask.size} pixels")
    holes = find_holes(mask, settings.merge_px)
    chosen = [choose_pass(hole, (mask.shape[0], mask.shape[1]), settings) for hole in holes]
    pixels = image.copy()
    for name in settings.passes:
        mine = [hole for hole, choice in zip(holes, chosen, strict=True) if choice == name]
        if mine:
            for hole, fill in zip(mine, PASSES[name].run(image, mask, mine, generator, settings), strict=True):
                composite(pixels, core, hole, fill, mask_settings)
    return Filled(pixels, mask, [FilledHole(hole, name) for hole, name in zip(holes, chosen, strict=True)])


def choose_pass(hole: Hole, shape: tuple[int, int], settings: FillSettings) -> str:
    """The first pass of the settings that suits the hole, else the last."""
    return next((name for name in settings.passes if PASSES[name].suits(hole, shape, settings)), settings.passes[-1])


def composite(
    pixels: NDArray[np.generic], core: NDArray[np.bool_], hole: Hole, fill: NDArray[np.float32], settings: MaskSettings
) -> None:
    """Blend a fill (hole.h, hole.w, 3) float32 into `pixels` (H, W, 1 or 3), in place, on the hole's own pixels."""
    known = pixels[hole.box]
    weight = feather_weight(core[hole.box] & hole.own, hole.own, settings)[:, :, None]
    blended = to_float_rgb(known) * (1 - weight) + fill * weight
    if known.shape[2] == 1:
        blended = blended.mean(axis=2, keepdims=True)
    if known.dtype.kind in "iu":
        blended = np.rint(np.clip(blended, 0, 1) * full_scale(known.dtype))
    known[hole.own] = blended.astype(known.dtype)[hole.own]
