"""Pass `regions`: each hole is filled from crops of its own surroundings (the report's §7: locality helps).

A hole is cut into pieces where that is cheaper or the only way to show it at native size (`pieces`); pieces and holes
near each other share a crop (`packing`); what the pieces became is joined (`joint`). The cost follows what is masked:
no array here has the image's size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole
from tasks.fill.joint import Joint
from tasks.fill.packing import pack, sides
from tasks.fill.picture import Picture
from tasks.fill.pieces import Cell, Piece, pieces_of
from tasks.fill.prediction import Prediction
from tasks.fill.region import Region, cut, uncut

if TYPE_CHECKING:
    from tasks.fill.passes import Generator
    from tasks.fill.settings import FillSettings

# How far beyond the image a region may reach, but for rounding: 24 photographs with two holes each at their borders, hole
# PSNR and feature distance: 20.86 and 0.0352 without, 20.88 and 0.0347 with 32 px, 20.88 and 0.0346 with 64 px and as far
# as the context goes. A window moved inside, half as large again: 20.86 and 0.0355.
MIRROR_PX = 64
# Shown to the generator in one call: a full batch of a GPU, 50 MB of crops and as much of fills. Four times as many take
# 0.5 GB more of a restorer.
AT_ONCE_PX = 1 << 22


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
    """One crop serves all pieces and holes that it holds with their context. See `passes.Pass`.

    The result does not depend on the order of `holes`, nor on where they lie in the image, as long as no region meets
    the image's border.
    """
    pieces = [(index, piece) for index, hole in enumerate(holes) for piece in pieces_of(hole, settings)]
    found: dict[int, Prediction] = {}
    joints: dict[int, Joint] = {}
    regions = regions_of([piece for _, piece in pieces], mask.shape, settings)
    served: dict[Region, list[tuple[int, Piece]]] = {}
    for region, numbered in zip(regions, pieces, strict=True):
        served.setdefault(region, []).append(numbered)
    for together in _batches(sorted(served, key=lambda r: (r.shape, r.y, r.x, r.h, r.w))):
        cuts = [cut(picture, mask, region) for region in together]
        fills = generator.fill([crop for crop, _ in cuts], [hole for _, hole in cuts])
        for region, fill in zip(together, fills, strict=True):
            for index, piece in served[region]:
                hole = holes[index]
                if piece.whole:
                    part = uncut(fill, region, hole)
                    # A copy: the part of one speck would keep the crop of all of them.
                    found[index] = Prediction(part.x, part.y, part.values.copy())
                else:
                    if index not in joints:
                        joints[index] = Joint(hole, mask.shape)
                    joints[index].add(piece, fill, region)
    found |= {index: joint.prediction() for index, joint in joints.items()}
    return [found[index] for index in range(len(holes))]


def regions_of(pieces: Sequence[Piece], shape: tuple[int, ...], settings: FillSettings) -> list[Region]:
    """The region of each piece; those packed together have the same one."""
    if not pieces:
        return []
    boxes = np.array([piece.window for piece in pieces], dtype=np.int64)
    numbers, windows = pack(boxes, settings.max_region_px)
    regions = [region_at((int(x0), int(y0), int(x1), int(y1)), shape, settings) for x0, y0, x1, y1 in windows]
    return [regions[number] for number in numbers]


def region_at(window: Cell, shape: tuple[int, ...], settings: FillSettings) -> Region:
    """The region of a window (x0, y0, x1, y1) in an image of `shape` (H, W), its sides rounded up.

    A region longer than `max_region_px` is shown scaled down. What of it lies beyond the image is shown mirrored.
    """
    x0, y0 = (max(low, -MIRROR_PX) for low in window[:2])
    x1, y1 = (min(high, end + MIRROR_PX) for high, end in zip(window[2:], shape[1::-1], strict=True))
    w, h = (int(side) for side in sides(np.array([x1 - x0, y1 - y0])))
    scale = min(1.0, settings.max_region_px / max(w, h))
    x, w, shown_w, left, right = _within((x0 + x1) // 2 - w // 2, w, shape[1], scale)
    y, h, shown_h, top, bottom = _within((y0 + y1) // 2 - h // 2, h, shape[0], scale)
    return Region(x, y, w, h, shown_w, shown_h, (top, left, bottom, right))


def _within(start: int, side: int, limit: int, scale: float) -> tuple[int, int, int, int, int]:
    """Along one axis, what of a window lies in the image: start, side; how long it is shown, and mirrored on both ends."""
    first, last = max(0, start), min(limit, start + side)
    shown = max(1, round((last - first) * scale))
    before = round((first - start) * scale)
    return first, last - first, shown, before, max(0, round(side * scale) - before - shown)


def _batches(regions: Sequence[Region]) -> Iterator[list[Region]]:
    """In the given order, about AT_ONCE_PX at a time."""
    batch: list[Region] = []
    size = 0
    for region in regions:
        batch.append(region)
        size += region.shape[0] * region.shape[1]
        if size >= AT_ONCE_PX:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
