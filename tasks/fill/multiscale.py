"""Pass `multiscale`: a large hole from coarse to fine, each scale continuing what is known further into the hole.

The whole hole is seen once, small, with much around it: that decides its structure (report, §6). At every finer scale
the generator sees only a band of the hole along what is known, as wide as it is good at; the inner hole is shown to it
as the coarser scale filled it. So detail is continued from known pixels, never made up in the middle of a wide hole,
where a small generator makes a lattice of its own strides. What then still lacks sharpness, the middle of a wide hole
above all, gets it from known pixels (`detail`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.fill import regions
from tasks.fill.detail import detailed
from tasks.fill.holes import Hole
from tasks.fill.ladder import AROUND_PX, Paint, View, climb, first_region
from tasks.fill.picture import Picture
from tasks.fill.pieces import pieces_of
from tasks.fill.prediction import Prediction
from tasks.fill.region import Region, cut

if TYPE_CHECKING:
    from tasks.fill.passes import Generator
    from tasks.fill.settings import FillSettings

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

# px; half of the period of the strides of a generator with three down-samplings
_SHIFTS = ((0, 0), (4, 0), (0, 4), (4, 4))


def suits(hole: Hole, shape: tuple[int, int], settings: FillSettings) -> bool:  # noqa: ARG001 - the registry's signature
    """Whether `regions` would have to show a part of the hole scaled down."""
    windows = (piece.window for piece in pieces_of(hole, settings))
    return any(max(x1 - x0, y1 - y0) > settings.max_region_px for x0, y0, x1, y1 in windows)


def run(
    picture: Picture,
    mask: Bool,
    holes: Sequence[Hole],
    generator: Generator,
    settings: FillSettings,
) -> list[Prediction]:
    """Holes that need no coarser scale are `regions`'. See `passes.Pass`."""
    return climbed(picture, mask, holes, generator, settings, [_continuing(generator)])


def guide(
    picture: Picture,
    mask: Bool,
    holes: Sequence[Hole],
    generator: Generator,
    settings: FillSettings,
) -> list[Prediction]:
    """As `run`, with no detail but the generator's: for a pass that brings its own."""
    return climbed(picture, mask, holes, generator, settings, [_continuing(generator)], detail=False)


def _continuing(generator: Generator) -> Paint:
    return Paint(band, lambda views: continued(views, generator), share)


def climbed(
    picture: Picture,
    mask: Bool,
    holes: Sequence[Hole],
    generator: Generator,
    settings: FillSettings,
    paints: Sequence[Paint],
    detail: bool = True,
) -> list[Prediction]:
    """Every hole up the ladder: scale number i above the first is made by `paints[i]`, further ones by the last.

    Each hole is filled as if it were alone, so their order and number change nothing.
    """
    shape = (mask.shape[0], mask.shape[1])
    large = [suits(hole, shape, settings) for hole in holes]
    small = [hole for hole, is_large in zip(holes, large, strict=True) if not is_large]
    others = iter(regions.run(picture, mask, small, generator, settings) if small else [])

    def paint_of(index: int) -> Paint:
        return paints[min(index, len(paints) - 1)]

    predictions = []
    for hole, is_large in zip(holes, large, strict=True):
        if is_large:
            region = first_region(hole, shape, settings)
            first = look(picture, mask, region, generator)
            made = climb(picture, mask, hole, (first, region), settings, paint_of)
            predictions.append(detailed(picture, mask, hole, made) if detail else made)
        else:
            predictions.append(next(others))
    return predictions


def look(picture: Picture, mask: Bool, region: Region, generator: Generator) -> Float:
    """The mean of what a generator makes of a region at four places of its strides: (shown_h, shown_w, 3).

    Strided layers leave a lattice in wide holes whose place goes with the crop's, so that the mean is without its first
    harmonic (cycle spinning: R. Coifman, D. Donoho, "Translation-invariant de-noising", 1995).
    """
    crop, hole = cut(picture, mask, region)
    shifts = _SHIFTS if min(hole.shape) > 4 else _SHIFTS[:1]
    pads = [((dy, 0), (dx, 0)) for dy, dx in shifts]
    crops = [np.pad(crop, (*pad, (0, 0)), mode="reflect") for pad in pads]
    fills = generator.fill(crops, [np.pad(hole, pad, mode="reflect") for pad in pads])
    total = np.zeros_like(crop)
    for fill, (dy, dx) in zip(fills, shifts, strict=True):
        total += fill[dy:, dx:]
    return total / np.float32(len(shifts))


def continued(views: Sequence[View], generator: Generator) -> list[Float]:
    """What the generator makes of the bands along what is known."""
    return generator.fill([view.shown for view in views], [band(view) | view.other for view in views])


def band(view: View) -> Bool:
    """What of a hole is near enough to known pixels for the generator to continue them: (h, w)."""
    return view.hole & ~view.other & (view.depth <= AROUND_PX)


def share(view: View) -> Float:
    """All at the frontier and outside the hole, nothing where the band ends: (h, w) in [0, 1]."""
    falling = np.clip(1 - (view.depth - 1) / AROUND_PX, 0, 1)
    return np.where(view.hole, falling, 1).astype(np.float32)
