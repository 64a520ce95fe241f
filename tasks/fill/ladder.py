"""The ladder: from one look at a whole hole up to the picture's own pixels, each scale guided by the one before.

At each scale the hole is covered by tiles that the generator sees at its good size, with what is known around them. What
it makes of them is blended over what the coarser scale showed, and tiles into each other by weights that sum to 1: no
tile has an edge. Only tiles that touch the hole are made, a few at a time, so memory follows the fill that is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole
from tasks.fill.layer import Layer, Window, layer_of
from tasks.fill.picture import Picture
from tasks.fill.pieces import OVERLAP_PX, Piece
from tasks.fill.prediction import RING_PX, Prediction
from tasks.fill.region import Region, cut
from tasks.fill.settings import FillSettings

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

CONTEXT = 4.0  # side of what is seen first over the hole's: 2.5 took 0.9 dB of hole PSNR (mean of six photographs)
AROUND_PX = 64  # what a tile sees around itself, and how far from known pixels it is trusted
AT_ONCE_PX = 1 << 21  # shown to the generator in one call
_STEP = 32  # shapes of tiles come in steps, so that they share a batch


@dataclass(frozen=True)
class View:
    """What is seen of a tile, all (h, w, …). Colours are float32 in [0, 1].

    shown: known pixels, and in the hole what the coarser scale says. hole: all that is unknown. other: what of it
    belongs to other holes, of which the coarser scale says nothing. depth float32: how far a hole's pixel is from a known
    one, in pixels of this scale; 0 for known ones. coarse: the coarser scale itself, everywhere.
    """

    shown: Float
    hole: Bool
    other: Bool
    depth: Float
    coarse: Float


@dataclass(frozen=True)
class Paint:
    """What a pass makes of one scale.

    wanted: where in a view a prediction is needed, (h, w) bool; a view is cut to that and what is around it. run: the
    predictions of some views, (h, w, 3) each. share: how much of a prediction is taken, (h, w) in [0, 1].
    """

    wanted: Callable[[View], Bool]
    run: Callable[[Sequence[View]], list[Float]]
    share: Callable[[View], Float]


@dataclass(frozen=True)
class _Tile:
    """A cell of a level with what it overlaps (`window`), and what the generator sees of it (`seen`)."""

    piece: Piece
    window: Window
    seen: Window


def first_region(hole: Hole, shape: tuple[int, int], settings: FillSettings) -> Region:
    """The window of the first look: CONTEXT times the hole, moved inside the image, shown at most `max_region_px` long."""
    height, width = shape
    side = round(max(hole.w, hole.h) * max(CONTEXT, settings.context))
    w, h = min(width, side), min(height, side)
    x = min(max(0, hole.x + hole.w // 2 - w // 2), width - w)
    y = min(max(0, hole.y + hole.h // 2 - h // 2), height - h)
    scale = min(1.0, settings.max_region_px / max(w, h))
    return Region(x, y, w, h, max(1, round(w * scale)), max(1, round(h * scale)))


def halvings_of(first: Region, shape: tuple[int, ...]) -> list[int]:
    """The scales above a first look, as halvings of the image (H, W), down to 0; each step is a factor of 2 at most.

    Of an image so narrow that nothing would be left of it, the steps begin later.
    """
    count = int(np.ceil(np.log2(max(first.w / first.shown_w, first.h / first.shown_h)) - 1e-9))
    return list(range(min(max(1, count), min(shape[:2]).bit_length()) - 1, -1, -1))


def climb(
    picture: Picture,
    mask: Bool,
    hole: Hole,
    first: tuple[Float, Region],
    settings: FillSettings,
    paint_of: Callable[[int], Paint],
) -> Prediction:
    """A hole's fill at native size, from a first look (fill, its region) up.

    `paint_of(index)` makes scale number `index` above the first. mask (H, W) bool.
    """
    layer = layer_of(*first)
    made, window = layer.values, Window(0, 0, 0, 0, 0)
    for index, halvings in enumerate(halvings_of(first[1], mask.shape)):
        limit = (mask.shape[0] >> halvings, mask.shape[1] >> halvings)
        window = _window(hole, halvings, limit)
        made = np.zeros((window.h, window.w, 3), dtype=np.float32)  # no memory until it is written to
        paint = paint_of(index)
        for tiles in _batches(_tiles(hole, window, limit, settings.max_region_px)):
            views = [_view(picture, mask, hole, layer, tile.seen) for tile in tiles]
            for tile, values in zip(tiles, _painted(paint, tiles, views), strict=True):
                weight = tile.piece.weight(tile.window.y, tile.window.x, tile.window.h, tile.window.w)
                made[window.inner(tile.window)] += values * weight[:, :, None]
        size = float(1 << halvings)
        layer = Layer(made, window.y * size, window.x * size, size, size)
    return Prediction(window.x, window.y, made)


def _window(hole: Hole, halvings: int, limit: tuple[int, int]) -> Window:
    """The hole's box at a scale, with the ring around it."""
    size = 1 << halvings
    y, x = min(hole.y // size, limit[0] - 1), min(hole.x // size, limit[1] - 1)
    bottom, right = min(limit[0], -(-(hole.y + hole.h) // size)), min(limit[1], -(-(hole.x + hole.w) // size))
    return Window(halvings, y, x, max(1, bottom - y), max(1, right - x)).grown(RING_PX, limit)


def _tiles(hole: Hole, window: Window, limit: tuple[int, int], longest: int) -> Iterator[_Tile]:
    """The tiles of a level that touch the hole or its ring, row by row; seen at most `longest` px long (from 128 on)."""
    around = min(AROUND_PX, longest // 4)
    side = max(2 * OVERLAP_PX, longest - 2 * (around + OVERLAP_PX))
    rows, columns = _cells(window.y, window.h, side), _cells(window.x, window.w, side)
    for top, height in rows:
        for left, width in columns:
            cell = Window(window.halvings, top, left, height, width)
            reach = cell.grown(OVERLAP_PX, limit)
            y, x = max(reach.y, window.y), max(reach.x, window.x)
            bottom, right = min(reach.y + reach.h, window.y + window.h), min(reach.x + reach.w, window.x + window.w)
            own = Window(window.halvings, y, x, bottom - y, right - x)
            if not _own(hole, own.grown(RING_PX, limit)).any():
                continue
            piece = Piece(
                left,
                top,
                width,
                height,
                around,
                left if left > window.x else None,
                top if top > window.y else None,
                left + width if left + width < window.x + window.w else None,
                top + height if top + height < window.y + window.h else None,
            )
            yield _Tile(piece, own, own.grown(around, limit))


def _cells(start: int, length: int, side: int) -> list[tuple[int, int]]:
    """A stretch in equal parts of at most `side`: (start, length) each."""
    count = -(-length // side)
    edges = [start + length * index // count for index in range(count + 1)]
    return [(a, b - a) for a, b in pairwise(edges)]


def _batches(tiles: Iterator[_Tile]) -> Iterator[list[_Tile]]:
    batch: list[_Tile] = []
    size = 0
    for tile in tiles:
        batch.append(tile)
        size += tile.seen.h * tile.seen.w
        if size >= AT_ONCE_PX:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _own(hole: Hole, window: Window) -> Bool:
    """Which pixels of a window hold any of the hole's: (h, w)."""
    own, size = np.zeros((window.h, window.w), dtype=bool), 1 << window.halvings
    y0, y1 = max(window.y * size, hole.y), min((window.y + window.h) * size, hole.y + hole.h)
    x0, x1 = max(window.x * size, hole.x), min((window.x + window.w) * size, hole.x + hole.w)
    if y0 >= y1 or x0 >= x1:
        return own
    part = hole.own[y0 - hole.y : y1 - hole.y, x0 - hole.x : x1 - hole.x]
    for axis, start, end in ((0, y0, y1), (1, x0, x1)):
        starts = np.arange(start // size, -(-end // size)) * size  # of the window's pixels, in the image
        part = np.logical_or.reduceat(part, np.maximum(starts, start) - start, axis)
    top, left = y0 // size - window.y, x0 // size - window.x
    own[top : top + part.shape[0], left : left + part.shape[1]] = part
    return own


def _view(picture: Picture, mask: Bool, hole: Hole, layer: Layer, window: Window) -> View:
    known, unknown = cut(picture, mask, window.region)
    coarse = layer.at(window)
    depth = np.asarray(cv2.distanceTransform(unknown.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
    other = unknown & ~_own(hole, window)
    return View(np.where(unknown[:, :, None], coarse, known), unknown, other, depth, coarse)


def _painted(paint: Paint, tiles: Sequence[_Tile], views: Sequence[View]) -> list[Float]:
    """The values of each tile's window."""
    parts, places = [], []
    for tile, view in zip(tiles, views, strict=True):
        place = _needed(paint.wanted(view), tile)
        places.append(place)
        if place is not None:
            parts.append(View(*(np.ascontiguousarray(getattr(view, name)[place]) for name in _FIELDS)))
    fills = iter(paint.run(parts) if parts else [])
    shares = iter(parts)
    made = []
    for tile, view, place in zip(tiles, views, places, strict=True):
        values = view.coarse.copy()
        if place is not None:
            fill, share = next(fills), paint.share(next(shares))
            values[place] += share[:, :, None] * (fill - values[place])
        made.append(values[tile.seen.inner(tile.window)])
    return made


_FIELDS = ("shown", "hole", "other", "depth", "coarse")


def _needed(wanted: Bool, tile: _Tile) -> tuple[slice, slice] | None:
    """The part of a tile's view around what is wanted of it; None where nothing is."""
    inner = tile.seen.inner(tile.window)
    rows, columns = np.flatnonzero(wanted[inner].any(axis=1)), np.flatnonzero(wanted[inner].any(axis=0))
    if not rows.size:
        return None
    return (
        _stretch(inner[0].start + int(rows[0]), inner[0].start + int(rows[-1]) + 1, tile.seen.h),
        _stretch(inner[1].start + int(columns[0]), inner[1].start + int(columns[-1]) + 1, tile.seen.w),
    )


def _stretch(first: int, last: int, limit: int) -> slice:
    """From first to last with AROUND_PX on both sides and a length in steps, within 0 … limit."""
    low, high = max(0, first - AROUND_PX), min(limit, last + AROUND_PX)
    length = min(limit, -(-(high - low) // _STEP) * _STEP)
    low = max(0, min(low, limit - length))
    return slice(low, low + length)
