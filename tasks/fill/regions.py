"""Pass `regions`: each hole is filled from a crop of its own surroundings (the report's §7: locality helps)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole
from tasks.fill.picture import Picture
from tasks.fill.prediction import Prediction
from tasks.fill.region import Region, cut, uncut

if TYPE_CHECKING:
    from tasks.fill.passes import Generator
    from tasks.fill.settings import FillSettings

# Shapes come in steps, so that crops of different holes and images share a batch.
STEP = 32


def suits(hole: Hole, shape: tuple[int, int], settings: FillSettings) -> bool:  # noqa: ARG001 - the registry's signature
    """Always: a region can be cut around any hole."""
    return True


def run(
    picture: Picture,
    mask: NDArray[np.bool_],
    holes: Sequence[Hole],
    generator: Generator,
    settings: FillSettings,
) -> list[Prediction]:
    """One crop per region; a region that holds several holes whole serves them all. See `passes.Pass`."""
    owners = share_regions([region_of(hole, mask.shape, settings) for hole in holes], holes)
    regions = sorted(set(owners), key=lambda r: (r.y, r.x, r.h, r.w))
    cuts = [cut(picture, mask, region) for region in regions]
    fills = dict(zip(regions, generator.fill([c for c, _ in cuts], [m for _, m in cuts]), strict=True))
    return [uncut(fills[region], region, hole) for region, hole in zip(owners, holes, strict=True)]


def region_of(hole: Hole, shape: tuple[int, ...], settings: FillSettings) -> Region:
    """The window of one hole: context in proportion to it, never less than the minimum, moved inside the image.

    A window longer than `max_region_px` is shown scaled down. An image smaller than the window is shown whole.
    """
    height, width = shape[:2]
    # The long side decides for both: a scratch needs context across as much as along.
    side = max(settings.min_region_px, round(max(hole.w, hole.h) * settings.context))
    side = -(-side // STEP) * STEP
    w, h = min(width, side), min(height, side)
    x = min(max(0, hole.x + hole.w // 2 - w // 2), width - w)
    y = min(max(0, hole.y + hole.h // 2 - h // 2), height - h)
    scale = min(1.0, settings.max_region_px / max(w, h))
    return Region(x, y, w, h, max(1, round(w * scale)), max(1, round(h * scale)))


def share_regions(regions: Sequence[Region], holes: Sequence[Hole]) -> list[Region]:
    """Let a region serve every hole that lies well inside it, so that a hundred specks are not a hundred forwards.

    Greedy, largest regions first: a region shown at native size takes over a hole when, on each side, the hole keeps at
    least half of the context that its own region would have given it.
    """
    order = sorted(range(len(holes)), key=lambda i: (-regions[i].w * regions[i].h, regions[i].y, regions[i].x))
    owner: list[Region | None] = [None] * len(holes)
    box = np.array([(h.x, h.y, h.x + h.w, h.y + h.h) for h in holes])
    own = np.array([(r.x, r.y, r.x + r.w, r.y + r.h) for r in regions])
    native = np.array([not r.scaled for r in regions])
    free = np.ones(len(holes), dtype=bool)
    for i in order:
        if not free[i]:
            continue
        region = regions[i]
        owner[i], free[i] = region, False
        if region.scaled:
            continue
        # A hole needs, on each side, half of what its own region would have given it, as far as the image goes.
        need_low = box[:, :2] - (box[:, :2] - own[:, :2]) // 2
        need_high = box[:, 2:] + (own[:, 2:] - box[:, 2:]) // 2
        inside = (
            (need_low >= (region.x, region.y)).all(axis=1)
            & (need_high <= (region.x + region.w, region.y + region.h)).all(axis=1)
            & native
            & free
        )
        for j in np.flatnonzero(inside):
            owner[int(j)] = region
        free &= ~inside
    return [region for region in owner if region is not None]
