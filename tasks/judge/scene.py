"""A scene: one hole as filled, and the known pixels around it. What the measures without truth look at."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole
from tasks.fill.picture import Box, Picture

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

REACH_PX = 24  # how far around a hole is looked
WHOLE_PX = 1 << 19  # a window of more pixels than this is looked at in parts
TILE_PX = 192
TILES = 14
EDGE_PX = 1 << 20  # a hole's widths are measured on no more pixels than this
_LUMA = np.array([[0.2126, 0.7152, 0.0722]], dtype=np.float32)  # ITU-R BT.709


@dataclass(frozen=True)
class Scene:
    """`seen` (h, w, 3) float32 in [0, 1], the composite; `own` (h, w) bool, the hole; `known` (h, w) bool, what was never
    missing. What is neither (another hole, a gap between tiles) does not count, nor does what is next to it where
    neighbours are looked at. `depth_px`: mean distance of the hole's pixels from what is not the hole; `area` in pixels.
    """

    seen: Float
    own: Bool
    known: Bool
    depth_px: float
    area: int

    @cached_property
    def luma(self) -> Float:
        """(h, w) float32 in [0, 1]."""
        return np.asarray(cv2.transform(self.seen, _LUMA), dtype=np.float32).reshape(self.own.shape)

    @cached_property
    def steps(self) -> tuple[Float, Float]:
        """Central differences of the colours to the right and down, (h, w, 3) each, per pixel."""
        kernel = np.array([[-0.5, 0, 0.5]], dtype=np.float32)
        return (
            np.asarray(cv2.filter2D(self.seen, -1, kernel, borderType=cv2.BORDER_REFLECT_101), dtype=np.float32),
            np.asarray(cv2.filter2D(self.seen, -1, kernel.T, borderType=cv2.BORDER_REFLECT_101), dtype=np.float32),
        )

    @cached_property
    def edges(self) -> Float:
        """Length of the gradient of the colours, root mean square over channels: (h, w), per pixel."""
        right, down = self.steps
        return np.asarray(np.sqrt((right**2 + down**2).mean(axis=2)), dtype=np.float32)

    @cached_property
    def inner(self) -> Bool:
        """Hole pixels whose 3 × 3 neighbourhood is all hole: (h, w)."""
        return eroded(self.own, 1)

    @cached_property
    def ring(self) -> Bool:
        """Known pixels within `REACH_PX` whose 3 × 3 neighbourhood is all known: (h, w)."""
        near: Bool = self.outside_px <= REACH_PX
        return near & eroded(self.known, 1)

    @cached_property
    def outside_px(self) -> Float:
        """Distance from the hole: (h, w), 0 in it."""
        return _distance(~self.own)

    @cached_property
    def inside_px(self) -> Float:
        """Distance from what is not the hole: (h, w), 0 outside it."""
        return _distance(self.own)


def scene(seen: Float, own: Bool, known: Bool | None = None) -> Scene:
    """A scene of plain arrays: seen (h, w, 3) float32 in [0, 1], own (h, w) bool; known: by default all that is not own."""
    return Scene(seen, own, ~own if known is None else known, _depth_px(own), int(np.count_nonzero(own)))


def scene_of(picture: Picture, mask: Bool, hole: Hole) -> Scene:
    """The scene of one hole of a filled picture of any size.

    mask (H, W) bool: all holes. It is the hole's box and `REACH_PX` around it; of a window over `WHOLE_PX` pixels, a mosaic
    of at most `TILES` tiles: about two thirds lie on the hole's frontier, the others in it, spread evenly by place. So
    memory and time are bounded, and what is looked at depends on nothing but the mask.
    """
    height, width = mask.shape
    top, left = max(0, hole.y - REACH_PX), max(0, hole.x - REACH_PX)
    bottom, right = min(height, hole.y + hole.h + REACH_PX), min(width, hole.x + hole.w + REACH_PX)
    depth, area = _depth_px(hole.own), hole.area
    if (bottom - top) * (right - left) <= WHOLE_PX:
        boxes = [(slice(top, bottom), slice(left, right))]
    else:
        boxes = _tiles(hole, (top, left, bottom, right))
    parts = [(picture.colour.seen(picture.pixels[box]), _own(hole, box), _known(picture, mask, box)) for box in boxes]
    if len(parts) == 1:
        return Scene(*parts[0], depth, area)
    # A black row between tiles is enough: what is next to it does not count.
    seen, own, known = (np.concatenate([_framed(part[i]) for part in parts]) for i in range(3))
    return Scene(seen, own, known, depth, area)


def eroded(where: Bool, radius: int) -> Bool:
    """Pixels whose square neighbourhood of this radius, within the array, is all True."""
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    done = cv2.erode(where.view(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(done).view(bool)


def _distance(where: Bool) -> Float:
    if where.all():  # nothing to be distant from
        return np.full(where.shape, np.float32(1e6))
    return np.asarray(cv2.distanceTransform(where.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), dtype=np.float32)


def _depth_px(own: Bool) -> float:
    step = max(1, int(np.ceil((own.size / EDGE_PX) ** 0.5)))
    part = np.pad(own[::step, ::step], 1)
    if not part.any():
        return 1.0
    return float(_distance(part)[part].mean()) * step


def _own(hole: Hole, box: Box) -> Bool:
    """The hole's own pixels of a box of the picture."""
    (top, bottom), (left, right) = ((side.start, side.stop) for side in box)
    y0, x0, y1, x1 = max(top, hole.y), max(left, hole.x), min(bottom, hole.y + hole.h), min(right, hole.x + hole.w)
    own = np.zeros((bottom - top, right - left), dtype=bool)
    if y1 > y0 and x1 > x0:
        own[y0 - top : y1 - top, x0 - left : x1 - left] = hole.own[y0 - hole.y : y1 - hole.y, x0 - hole.x : x1 - hole.x]
    return own


def _known(picture: Picture, mask: Bool, box: Box) -> Bool:
    missing = picture.missing(box)
    return ~mask[box] if missing is None else ~(mask[box] | missing)


def _framed(part: NDArray[np.generic]) -> NDArray[np.generic]:
    """A tile with a black row below it, as wide as all tiles."""
    missing = [(0, 1), (0, TILE_PX - part.shape[1]), (0, 0)]
    return np.pad(part, missing[: part.ndim])


def _tiles(hole: Hole, window: tuple[int, int, int, int]) -> list[Box]:
    """Boxes of `TILE_PX` on a grid over the window (top, left, bottom, right), in the order of place."""
    top, left, bottom, right = window
    frontier, within = [], []
    for y in range(top, bottom, TILE_PX):
        for x in range(left, right, TILE_PX):
            box = (slice(y, min(y + TILE_PX, bottom)), slice(x, min(x + TILE_PX, right)))
            own = _own(hole, box)
            if own.all():
                within.append(box)
            elif own.any():
                frontier.append(box)
    inside = _spread(within, max(TILES // 3, TILES - len(frontier)))
    return sorted(_spread(frontier, TILES - len(inside)) + inside, key=lambda box: (box[0].start, box[1].start))


def _spread(boxes: list[Box], count: int) -> list[Box]:
    if len(boxes) <= count:
        return boxes
    return [boxes[int(i)] for i in np.linspace(0, len(boxes) - 1, count).round()]
