"""Sections: a hole that is long but not thick is worked on part by part, so that what it costs follows the hole.

The box of a scratch across a scan is the scan: a correction of all of it at once takes 150 bytes a pixel. Its sections are
the pieces that it is filled by (`pieces`), and what is made of them is joined as their fills are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole
from tasks.fill.joint import Joint
from tasks.fill.pieces import Piece, pieces_of
from tasks.fill.prediction import RING_PX, Prediction
from tasks.fill.region import Region
from tasks.fill.settings import FillSettings

Float = NDArray[np.float32]

LARGE_PX = 1 << 21  # of a hole's box; what is smaller is one section: about 300 MB for a correction


@dataclass(frozen=True)
class Section:
    """A part of a hole, a hole by itself; sections of one hole overlap. piece: None where it is the hole as it was."""

    part: Hole
    piece: Piece | None = None

    def of(self, prediction: Prediction) -> Prediction:
        """What is predicted of the part and of the ring around it, of what is predicted of the hole."""
        if self.piece is None:
            return prediction
        part, (height, width) = self.part, prediction.values.shape[:2]
        top, left = max(0, part.y - RING_PX - prediction.y), max(0, part.x - RING_PX - prediction.x)
        bottom = min(height, part.y + part.h + RING_PX - prediction.y)
        right = min(width, part.x + part.w + RING_PX - prediction.x)
        values = np.ascontiguousarray(prediction.values[top:bottom, left:right])
        return Prediction(prediction.x + left, prediction.y + top, values)


def sections_of(hole: Hole) -> list[Section]:
    """The hole itself, or its sections where its box is larger than LARGE_PX and it can be cut."""
    pieces = pieces_of(hole, FillSettings()) if is_large(hole) else []
    if len(pieces) < 2:
        return [Section(hole)]
    return [Section(_part(hole, piece), piece) for piece in pieces]


def is_large(hole: Hole) -> bool:
    """Whether an array of the box's size is to be avoided."""
    return hole.w * hole.h > LARGE_PX


def joined(
    hole: Hole, sections: Sequence[Section], made: Sequence[Prediction], like: Prediction, shape: tuple[int, ...]
) -> Prediction:
    """Predictions of the sections -> one of the hole, for the pixels of `like`; shape: (H, W) of the image."""
    if sections[0].piece is None:
        return made[0]
    joint = Joint(hole, shape)
    for section, prediction in zip(sections, made, strict=True):
        height, width = prediction.values.shape[:2]
        if section.piece is not None:
            joint.add(
                section.piece,
                prediction.values,
                Region(prediction.x, prediction.y, width, height, width, height),
            )
    found = joint.prediction()
    top, left = like.y - found.y, like.x - found.x
    height, width = like.values.shape[:2]
    if min(top, left) >= 0 and top + height <= found.values.shape[0] and left + width <= found.values.shape[1]:
        return Prediction(like.x, like.y, found.values[top : top + height, left : left + width])
    values = like.values.copy()  # it reaches further than the ring: what lies there is as it was
    values[like.own(hole)] = found.values[found.own(hole)]
    return Prediction(like.x, like.y, values)


def split(hole: Hole, sections: Sequence[Section], values: Float) -> list[Float]:
    """Values (N, C) of the hole's own pixels, row by row -> those of each section's."""
    if sections[0].piece is None:
        return [values]
    places = np.flatnonzero(hole.own)
    return [values[_places(hole, section, places)] for section in sections]


def gathered(hole: Hole, sections: Sequence[Section], values: Sequence[Float]) -> Float:
    """The inverse of `split`: where sections overlap, by their weights."""
    if sections[0].piece is None:
        return values[0]
    places = np.flatnonzero(hole.own)
    found = np.zeros((len(places), values[0].shape[1]), dtype=np.float32)
    for section, theirs in zip(sections, values, strict=True):
        part, piece = section.part, section.piece
        if piece is not None:
            weight = piece.weight(part.y, part.x, part.h, part.w)[part.own]
            found[_places(hole, section, places)] += theirs * weight[:, None]
    return found


def _part(hole: Hole, piece: Piece) -> Hole:
    y, x = piece.y - hole.y, piece.x - hole.x
    own = np.ascontiguousarray(hole.own[y : y + piece.h, x : x + piece.w])
    return Hole(piece.x, piece.y, piece.w, piece.h, own)


def _places(hole: Hole, section: Section, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which of the hole's own pixels are the section's; places (N,): where they lie in the hole's box."""
    y, x = np.nonzero(section.part.own)
    return np.searchsorted(places, (y + section.part.y - hole.y) * hole.w + x + section.part.x - hole.x)
