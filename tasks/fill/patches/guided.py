"""The pass: each hole is filled by the generator first, then completed by copies of what is known around it.

A generator is right about what belongs where, and often soft; copies are sharp, and know nothing. So its fill decides what
is looked for and all that varies slowly; what varies fast is the image's own where the fill lacks it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.fill import multiscale
from tasks.fill.correction import corrected
from tasks.fill.holes import Hole
from tasks.fill.membrane import membrane
from tasks.fill.offset import Offset
from tasks.fill.patches.completion import complete
from tasks.fill.patches.field import Bool, Float
from tasks.fill.patches.window import Box, around, parts_of, thickness
from tasks.fill.picture import Picture
from tasks.fill.prediction import Prediction

if TYPE_CHECKING:
    from tasks.fill.passes import Generator
    from tasks.fill.settings import FillSettings

    Guide = Callable[[Picture, Bool, Sequence[Hole], Generator, FillSettings], list[Prediction]]


def suits(hole: Hole, shape: tuple[int, int], settings: FillSettings) -> bool:  # noqa: ARG001 - the registry's signature
    """Whether the hole is thick enough to show a texture; what is thin is a matter of continuing lines."""
    return thickness(hole.own) >= settings.patch_min_px


def run(
    picture: Picture,
    mask: Bool,
    holes: Sequence[Hole],
    generator: Generator,
    settings: FillSettings,
    guide: Guide = multiscale.guide,
) -> list[Prediction]:
    """Each hole alone, guided by what `guide` makes of it, without its offset. See `passes.Pass`.

    Around the hole a prediction holds the picture itself where it is known: copies meet it at the frontier, and a
    correction that looks for the generator's error there shall find none. So the guide is rid of it before.
    """
    guides = guide(picture, mask, holes, generator, settings)
    evened = corrected(picture, mask, holes, guides, {"offset": Offset()})
    return [
        _textured(picture, mask, hole, prediction, settings)
        for hole, (prediction, _) in zip(holes, evened, strict=True)
    ]


def _textured(picture: Picture, mask: Bool, hole: Hole, guide: Prediction, settings: FillSettings) -> Prediction:
    values = guide.values.copy()
    known = ~_unknown(picture, mask, guide.box)
    values[known] = picture.colour.seen(picture.pixels[guide.box])[known]
    result = Prediction(guide.x, guide.y, values)
    own = result.own(hole)
    # Part after part: each continues what the ones before became.
    for part in parts_of(hole):
        window = around(part, settings.patch_context, settings.patch_context_px, mask.shape)
        context, source = _context(picture, mask, window, result)
        inner = _within(part, window)
        todo = np.zeros_like(source)
        todo[inner] = own[_within(part, result.box)]
        completed, _ = complete(context, todo, source)
        values[_within(part, result.box)][todo[inner]] = completed[todo]
    return result


def _context(picture: Picture, mask: Bool, window: Box, fill: Prediction) -> tuple[Float, Bool]:
    """A window as it is seen, (h, w, 3), holes as `fill` has them, or smooth where it does not reach; what is known."""
    known = ~_unknown(picture, mask, window)
    values = picture.colour.seen(picture.pixels[window])
    values[~known] = 0
    both = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(window, fill.box, strict=True))
    shared: Box = both[0], both[1]
    there, covered = _within(shared, window), known.copy()
    values[there] = np.where(known[there][:, :, None], values[there], fill.values[_within(shared, fill.box)])
    covered[there] = True
    return values if covered.all() else membrane(values, covered), known


def _unknown(picture: Picture, mask: Bool, box: Box) -> Bool:
    missing = picture.missing(box)
    return mask[box] if missing is None else mask[box] | missing


def _within(inner: Box, outer: Box) -> Box:
    """An index of the image within an array of `outer`."""
    y, x = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(inner, outer, strict=True))
    return y, x
