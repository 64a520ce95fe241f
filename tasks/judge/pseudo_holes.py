"""Pseudo-holes: a hole's own shape laid over known pixels nearby, where the truth of a fill can be seen."""

from dataclasses import dataclass

import cv2
import numpy as np

from tasks.fill.holes import Hole
from tasks.fill.picture import Box, Picture
from tasks.fill.prediction import Prediction
from tasks.judge.scene import Bool, Float

PIECE_PX = 128  # of a larger hole the fullest part of this side
REACH_PX = 160  # how far away, at least; in proportion to larger pieces
CONTEXT_PX = 128  # what is kept around it
APART_PX = 3  # between a pseudo-hole and what is missing
LEAST_SHARE, LEAST_PX = 0.5, 64  # of the piece must find room
_GRID = 512  # positions along a side at which a piece is looked for
_ROOM = 2  # times its area should be known in its reach
_FAR, _OTHER = 0.3, 2.0  # what distance and another colour cost, in shares of the piece


@dataclass(frozen=True)
class PseudoHole:
    """A part of the picture with one more hole, whose truth (h, w, 3) float32 in [0, 1] is there, where it is known.

    mask (h, w) bool: what is missing, and the pseudo-hole.
    """

    picture: Picture
    mask: Bool
    hole: Hole
    truth: Float


def pseudo_holes(picture: Picture, mask: Bool, hole: Hole, fill: Prediction, count: int) -> list[PseudoHole]:
    """At most `count`, the best first; none where there is no room. mask (H, W) bool: all holes.

    A place is good where much of the shape lies on known pixels, near the hole, and the colours there are like those of
    the fill. It depends on nothing but the picture and the mask.
    """
    piece = _piece(mask, hole)
    reach = max(REACH_PX, piece.w, piece.h)
    rows = slice(max(0, piece.y - reach), min(mask.shape[0], piece.y + piece.h + reach))
    columns = slice(max(0, piece.x - reach), min(mask.shape[1], piece.x + piece.w + reach))
    window: Box = rows, columns
    free = _free(picture, mask, window)
    if free.shape[0] < piece.h or free.shape[1] < piece.w:
        return []
    shape, valid = piece.own.astype(np.float32), (free.shape[0] - piece.h + 1, free.shape[1] - piece.w + 1)
    room = _overlap(free.astype(np.float32), shape)[: valid[0], : valid[1]] / max(piece.area, 1)
    seen = picture.colour.seen(picture.pixels[window]) * free[:, :, None]
    top, left = piece.y - fill.y, piece.x - fill.x
    mine = fill.values[top : top + piece.h, left : left + piece.w][piece.own].mean(axis=0)
    sums = np.dstack([_overlap(seen[:, :, c], shape)[: valid[0], : valid[1]] for c in range(3)])
    colours = sums / np.maximum(room * piece.area, 1)[:, :, None]
    y, x = np.indices(valid, dtype=np.float32)
    away = np.hypot(y + (rows.start - piece.y), x + (columns.start - piece.x)) / reach
    score = room - _FAR * away - _OTHER * np.sqrt(((colours - mine) ** 2).mean(axis=2))
    score[(room < LEAST_SHARE) | (room * piece.area < LEAST_PX)] = -np.inf
    found = []
    for _ in range(count):
        best = np.unravel_index(int(np.argmax(score)), score.shape)
        if not np.isfinite(score[best]):
            break
        where = int(best[0]) + rows.start, int(best[1]) + columns.start
        found.append(_laid(picture, mask, piece, where))
        near = (np.abs(y - y[best]) < piece.h / 2) & (np.abs(x - x[best]) < piece.w / 2)
        score[near] = -np.inf
    return found


def _piece(mask: Bool, hole: Hole) -> Hole:
    """The hole, or of a large one a window that it fills and that has known pixels in reach."""
    height, width = min(hole.h, PIECE_PX), min(hole.w, PIECE_PX)
    if (height, width) == (hole.h, hole.w):
        return hole
    step = -(-max(hole.h, hole.w) // _GRID)
    top, left = max(0, hole.y - REACH_PX), max(0, hole.x - REACH_PX)
    around = mask[top : hole.y + hole.h + REACH_PX, left : hole.x + hole.w + REACH_PX]
    own = np.zeros(around.shape, dtype=bool)
    own[hole.y - top : hole.y - top + hole.h, hole.x - left : hole.x - left + hole.w] = hole.own
    held = _sums(own, step, height, width, 0)
    free = _sums(~around, step, height + 2 * REACH_PX, width + 2 * REACH_PX, REACH_PX)
    score = (held + np.minimum(free / np.float32(_ROOM), held)) * (held > 0)
    y, x = (int(v) * step for v in np.unravel_index(int(np.argmax(score)), score.shape))
    y, x = (
        int(np.clip(y + top - hole.y, 0, hole.h - height)),
        int(np.clip(x + left - hole.x, 0, hole.w - width)),
    )
    return Hole(hole.x + x, hole.y + y, width, height, hole.own[y : y + height, x : x + width])


def _sums(where: Bool, step: int, height: int, width: int, before: int) -> Float:
    """How much of a window that begins `before` pixels up and left of each position is True; looked at in steps."""
    size, anchor = (max(1, width // step), max(1, height // step)), (before // step, before // step)
    values = where[::step, ::step].astype(np.float32)
    return np.asarray(
        cv2.boxFilter(values, -1, size, anchor=anchor, normalize=False, borderType=cv2.BORDER_CONSTANT), np.float32
    )


def _free(picture: Picture, mask: Bool, window: Box) -> Bool:
    missing = picture.missing(window)
    taken = mask[window] if missing is None else mask[window] | missing
    side = 2 * APART_PX + 1
    grown = cv2.dilate(taken.view(np.uint8), np.ones((side, side), np.uint8), borderValue=0)
    return np.asarray(grown == 0)


def _overlap(values: Float, shape: Float) -> Float:
    """Sums of values under the shape, its corner at each position; beyond the array there is nothing."""
    return np.asarray(
        cv2.filter2D(values, cv2.CV_32F, shape, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT), dtype=np.float32
    )


def _laid(picture: Picture, mask: Bool, piece: Hole, where: tuple[int, int]) -> PseudoHole:
    y, x = where
    rows = slice(max(0, y - CONTEXT_PX), min(mask.shape[0], y + piece.h + CONTEXT_PX))
    columns = slice(max(0, x - CONTEXT_PX), min(mask.shape[1], x + piece.w + CONTEXT_PX))
    box: Box = rows, columns
    own = piece.own & _free(picture, mask, box)[y - rows.start :, x - columns.start :][: piece.h, : piece.w]
    r, c = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
    tight = np.ascontiguousarray(own[r[0] : r[-1] + 1, c[0] : c[-1] + 1])
    top, left = y - rows.start + int(r[0]), x - columns.start + int(c[0])
    hole = Hole(left, top, tight.shape[1], tight.shape[0], tight)
    missing = mask[box].copy()
    missing[hole.box] |= tight
    part = Picture(picture.pixels[box], picture.colour)
    return PseudoHole(part, missing, hole, picture.colour.seen(part.pixels))
