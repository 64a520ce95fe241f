"""Fill one image: holes found, a pass chosen for each, fills composited. No storage, no Ray: usable from a notebook."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tasks.errors import MaskCoversAll
from tasks.fill.choice import Choice, Chooser
from tasks.fill.colour import Colour, Float, full_scale, unit, valid
from tasks.fill.correction import Correction, corrected
from tasks.fill.dither import quantise_at
from tasks.fill.holes import Hole, find_holes
from tasks.fill.mask import dilate, feather_weight
from tasks.fill.passes import PASSES, Generator
from tasks.fill.picture import Picture, plain_picture
from tasks.fill.prediction import Prediction
from tasks.fill.residual import carried, surroundings
from tasks.fill.sections import LARGE_PX, gathered, is_large, sections_of, split
from tasks.fill.settings import FillSettings, MaskSettings


@dataclass(frozen=True)
class FilledHole:
    """Which pass filled a hole, and which corrections changed the fill, in their order.

    candidates, score, score_plain: see `tasks.fill.choice.Choice`.
    before: (N, C) of the input's dtype: the values that were there, row by row of the hole's own N pixels.
    """

    hole: Hole
    fill_pass: str
    before: NDArray[np.generic] = field(repr=False)
    corrections: tuple[str, ...] = ()
    candidates: int = 1
    score: float | None = None
    score_plain: float | None = None


@dataclass(frozen=True)
class Filled:
    """The result of `fill_image`."""

    pixels: NDArray[np.generic]  # (H, W, C), the dtype of the input
    mask: NDArray[np.bool_]  # (H, W), the dilated mask: outside it `pixels` equals the input
    holes: list[FilledHole]
    correct_s: float = 0.0  # of the time that it took, what corrections took that every fill gets


def fill_image(
    image: NDArray[np.generic],
    core: NDArray[np.bool_],
    generator: Generator,
    mask_settings: MaskSettings | None = None,
    settings: FillSettings | None = None,
    colour: Colour | None = None,
    dither: bool = True,
    corrections: Mapping[str, Correction] | None = None,
    in_place: bool = False,
    choose: Chooser | None = None,
) -> Filled:
    """Fill the hole `core` of `image`.

    image (H, W, C) uint8, uint16 or float32, colour channels only: grey or RGB, with a `colour` also CMYK; core (H, W)
    bool, before dilation. `colour` says how the values look (`tasks.store.colour.colour_of`); without one they are taken
    as sRGB, floats outside [0, 1] by their range. `corrections` are applied to every fill, in their order
    (`tasks.correct.corrections.chosen`), unless `choose` is there, which makes and corrects fills as it sees fit
    (`tasks.judge.choice.Judge`). The result has the input's dtype: float from cut to composite, quantised once, dithered
    unless `settings` or `dither` say no (a JPEG encoder quantises anew). Outside the dilated mask no value changes, NaN
    and infinity among them; inside it they are filled. `in_place` fills `image` itself instead of a copy: of a large scan
    one array is held. Raises MaskCoversAll.
    """
    mask_settings, settings = mask_settings or MaskSettings(), settings or FillSettings()
    mask = dilate(core, mask_settings.dilate_px)
    if mask.all():
        raise MaskCoversAll(f"dilated by {mask_settings.dilate_px} px the mask covers all {mask.size} pixels")
    picture = plain_picture(image, mask) if colour is None else Picture(image, colour)
    holes = find_holes(mask, settings.merge_px)
    chosen = [choose_pass(hole, (mask.shape[0], mask.shape[1]), settings) for hole in holes]
    # What is under the mask is nothing that a pass may look at, so it may be another pass's fill already.
    pixels = image if in_place else image.copy()
    done: dict[int, FilledHole] = {}
    before = {id(hole): pixels[hole.box][hole.own] for hole in holes}
    correct_s = 0.0
    for name in settings.passes:
        mine = [hole for hole, choice in zip(holes, chosen, strict=True) if choice == name]
        if mine:
            made = PASSES[name].run(picture, mask, mine, generator, settings)
            if choose is None:
                started = time.perf_counter()
                fills = [
                    Choice(fill, name, names) for fill, names in corrected(picture, mask, mine, made, corrections or {})
                ]
                correct_s += time.perf_counter() - started
            else:
                fills = choose(picture, mask, mine, name, made, generator, settings)
            for hole, fill in zip(mine, fills, strict=True):
                done[id(hole)] = _filled(hole, before[id(hole)], fill)
            shown = [_own(fill.prediction, hole) for hole, fill in zip(mine, fills, strict=True)]
            for hole, values in zip(mine, stored_fills(picture, mask, mine, shown), strict=True):
                for band, first, weight in _weighted(hole, core, mask_settings):
                    theirs = values[first : first + band.area]
                    composite(pixels, band, theirs, weight, settings.dither and dither)
    return Filled(pixels, mask, [done[id(hole)] for hole in holes], correct_s)


def choose_pass(hole: Hole, shape: tuple[int, int], settings: FillSettings) -> str:
    """The first pass of the settings that suits the hole, else the last."""
    return next((name for name in settings.passes if PASSES[name].suits(hole, shape, settings)), settings.passes[-1])


def stored_fills(
    picture: Picture, mask: NDArray[np.bool_], holes: Sequence[Hole], fills: Sequence[Float]
) -> list[Float]:
    """Fills of the holes' own pixels as seen, (N, 3) each -> in stored units, (N, C), among what surrounds them."""
    works = [sections_of(hole) for hole in holes]
    parts = [section.part for sections in works for section in sections]
    fills = [each for hole, work, fill in zip(holes, works, fills, strict=True) for each in split(hole, work, fill)]
    # Once for all: converting a few pixels costs as much as converting a thousand.
    ends = np.cumsum([len(fill) for fill in fills])[:-1]
    stored = np.split(picture.colour.stored(np.concatenate(fills)[:, None])[:, 0], ends)
    found = []
    for part, values, extra in zip(parts, stored, carried(picture, mask, parts, fills), strict=True):
        whole = values if extra is None else values + extra
        if neutral(picture, mask, part):
            whole = np.repeat(whole.mean(axis=1, keepdims=True), 3, axis=1)
        found.append(whole)
    made = iter(found)
    return [gathered(hole, work, list(islice(made, len(work)))) for hole, work in zip(holes, works, strict=True)]


def _filled(hole: Hole, before: NDArray[np.generic], fill: Choice) -> FilledHole:
    return FilledHole(hole, fill.fill_pass, before, fill.corrections, fill.candidates, fill.score, fill.score_plain)


def _own(fill: Prediction, hole: Hole) -> Float:
    """(N, 3) of the hole's own pixels; `take` is several times as fast as a boolean index."""
    y, x = hole.y - fill.y, hole.x - fill.x
    values = fill.values[y : y + hole.h, x : x + hole.w]
    if is_large(hole):  # else all of its box would be copied
        return values[hole.own]
    return np.asarray(values.reshape(-1, values.shape[2]).take(np.flatnonzero(hole.own), axis=0))


def _weighted(hole: Hole, core: NDArray[np.bool_], settings: MaskSettings) -> Iterator[tuple[Hole, int, Float]]:
    """The hole, rows of it at a time where it is large: the number of their first pixel, and the share of the fill."""
    rows = max(1, LARGE_PX // hole.w) if is_large(hole) else hole.h
    halo, first = settings.dilate_px + 1, 0  # a weight looks no further
    for top in range(0, hole.h, rows):
        low, high = max(0, top - halo), min(hole.h, top + rows + halo)
        near = hole.own[low:high]
        seen = core[hole.y + low : hole.y + high, hole.x : hole.x + hole.w] & near
        own = hole.own[top : top + rows]
        band = Hole(hole.x, hole.y + top, hole.w, len(own), own)
        yield band, first, feather_weight(seen, near, settings)[top - low : top - low + len(own)]
        first += band.area


def composite(pixels: NDArray[np.generic], hole: Hole, values: Float, weight: Float, dither: bool) -> None:
    """Blend a fill (N, C) in stored units into `pixels` (H, W, C), in place, on the N pixels of the hole.

    pixels: on the hole still as they were; weight (hole.h, hole.w): the share of the fill. The blend is in stored units,
    where the picture's own gradients are what they were.
    """
    y, x = np.nonzero(hole.own)
    share = weight[y, x][:, None]
    y, x = y + hole.y, x + hole.x
    if pixels.flags.c_contiguous:  # `take` is several times as fast as indices
        before = unit(pixels.reshape(-1, pixels.shape[2]).take(y * pixels.shape[1] + x, axis=0))
    else:
        before = unit(pixels[y, x])
    if pixels.dtype.kind == "f":  # what is no number does not blend
        numbers = valid(before)
        share, before = np.where(numbers, share, np.float32(1)), np.where(numbers, before, np.float32(0))
    blended = before * (1 - share) + values * share
    if pixels.dtype.kind != "f":
        blended = quantise_at(blended, int(full_scale(pixels.dtype)) + 1, y, x, dither)
    pixels[y, x] = blended


def neutral(picture: Picture, mask: NDArray[np.bool_], hole: Hole) -> bool:
    """Whether all that is known around a hole is grey stored as RGB: then the fill is grey too, as in its whole file."""
    if picture.pixels.shape[2] != 3:
        return False
    window, _ = surroundings(hole, mask.shape)
    stored, unknown = picture.pixels[window], mask[window]
    grey = (stored[:, :, 0] == stored[:, :, 1]) & (stored[:, :, 0] == stored[:, :, 2])
    return bool((grey | unknown).all() and not unknown.all())
