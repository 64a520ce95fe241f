"""Pictures for the report, made while an item is in hand, so that a report never reads the archive again.

For each filled item two JPEGs in SINK/report/pictures: `<item id>.jpg`, the whole filled image small; and
`<item id>.hole.jpg`, three panels of one size side by side: the surroundings of one hole before, after, and its mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.colour import Colour
from tasks.fill.fill import Filled, FilledHole
from tasks.fill.orientation import upright
from tasks.publish.schema import Row
from tasks.store.metadata.preview import Preview
from tasks.store.objects import Store

FOLDER = "report/pictures"
THUMBNAIL_PX = 240  # longest side
LEAST_PX, MOST_PX = 192, 768  # sides of a panel: of what is smaller more is shown, what is larger is shown scaled down
QUALITY = 88

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Window:
    """A part of an image (pixels) and the scale at which it is shown, at most 1."""

    x: int
    y: int
    w: int
    h: int
    scale: float


def worst(holes: Sequence[Row]) -> int:
    """Which of an item's holes (rows of `holes/`) is shown: the one of which most error is expected, else the largest."""
    return max(range(len(holes)), key=lambda i: (holes[i].get("predicted_error") or 0, holes[i]["area"], -i))


def window_around(hole: Row, width: int, height: int) -> Window:
    """A hole's box with half as much again on each side, within the image."""
    x, w = _side(hole["x"], hole["w"], width)
    y, h = _side(hole["y"], hole["h"], height)
    return Window(x, y, w, h, min(1.0, MOST_PX / max(w, h)))


def write_pictures(store: Store, item_id: str, filled: Filled, holes: Sequence[Row], colour: Colour, turn: int) -> None:
    """Write both pictures of one item.

    filled: with what was under its holes. holes: their rows. colour: how the values look. turn: EXIF orientation; the
    pictures are written as a viewer shows them. Raises StorageDenied and StorageUnavailable.
    """
    height, width = filled.mask.shape
    whole = Preview(filled.pixels, colour)
    scale = min(1.0, THUMBNAIL_PX / max(width, height))
    small = whole.draw(max(1, round(width * scale)), max(1, round(height * scale)))
    store.put(f"{FOLDER}/{item_id}.jpg", _jpeg(upright(small, turn)))
    panels = _panels(filled, window_around(holes[worst(holes)], width, height), colour)
    store.put(f"{FOLDER}/{item_id}.hole.jpg", _jpeg(np.concatenate([upright(panel, turn) for panel in panels], axis=1)))


def _panels(filled: Filled, window: Window, colour: Colour) -> tuple[Pixels, Pixels, Pixels]:
    box = slice(window.y, window.y + window.h), slice(window.x, window.x + window.w)
    after = filled.pixels[box]
    before = after.copy()
    for done in filled.holes:
        _put_back(before, window, done)
    size = max(1, round(window.w * window.scale)), max(1, round(window.h * window.scale))
    mask = (filled.mask[box] * np.uint8(255))[:, :, None].repeat(3, axis=2)
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return Preview(before, colour).draw(*size), Preview(after, colour).draw(*size), small


def _put_back(part: NDArray[np.generic], window: Window, done: FilledHole) -> None:
    """What was under a hole, into the part of the image that the window shows."""
    y, x = np.nonzero(done.hole.own)
    y, x = y + done.hole.y - window.y, x + done.hole.x - window.x
    inside = (y >= 0) & (x >= 0) & (y < window.h) & (x < window.w)
    part[y[inside], x[inside]] = done.before[inside]


def _side(start: int, length: int, whole: int) -> tuple[int, int]:
    wanted = min(whole, max(LEAST_PX, 2 * length))
    return min(max(0, start + length // 2 - wanted // 2), whole - wanted), wanted


def _jpeg(pixels: NDArray[np.generic]) -> bytes:
    _, encoded = cv2.imencode(
        ".jpg", np.ascontiguousarray(pixels[:, :, ::-1], dtype=np.uint8), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return encoded.tobytes()
