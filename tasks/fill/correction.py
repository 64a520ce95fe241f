"""What a correction is to the filling, and how corrections are applied to predictions. The corrections: tasks/correct."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole
from tasks.fill.picture import Box, Picture
from tasks.fill.prediction import RING_PX, Prediction
from tasks.fill.sections import joined, sections_of

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Reach:
    """How far around a hole a correction looks: in proportion to the root of the hole's area, within limits."""

    share: float
    least_px: int
    most_px: int

    def px(self, area: int) -> int:
        """Of a hole of `area` pixels; never less than the ring that a prediction has."""
        wanted: int = round(self.share * math.sqrt(area))
        return max(RING_PX, min(self.most_px, max(self.least_px, wanted)))


RING = Reach(0, RING_PX, RING_PX)


@dataclass(frozen=True)
class Window:
    """What a correction is shown of one hole, from the picture's pixel (`y`, `x`) on. Nothing in it may be changed.

    fill (h, w, 3) float32 in [0, 1]: the generator's values, on known pixels next to the hole too; where it made none,
    the same as `seen`. seen (h, w, 3) float32 in [0, 1]: the picture where `known`, 0 elsewhere. known (h, w) bool: what
    is looked at around the hole, as far as the correction reaches, perhaps nothing. own (h, w) bool: the hole. Pixels
    that are neither are another hole's, or far away.
    """

    fill: Float
    seen: Float
    known: Bool
    own: Bool
    y: int = 0
    x: int = 0

    @property
    def shown(self) -> Float:
        """The fill among what is known, (h, w, 3): what a person would see; where nothing is known, `fill`."""
        return np.where(self.known[:, :, None], self.seen, self.fill)


class Correction(Protocol):
    """A step on one hole's fill as it is seen, before it is converted and composited."""

    @property
    def reach(self) -> Reach:
        """How far it looks. With `RING` its window is the prediction, else the hole's box grown by as much."""

    def __call__(self, window: Window) -> Float:
        """The corrected fill, (h, w, 3) float32 in [0, 1]; what is not the hole's own equals `window.fill`.

        One with nothing to say returns `window.fill` itself.
        """


def corrected(
    picture: Picture,
    mask: Bool,
    holes: Sequence[Hole],
    predictions: Sequence[Prediction],
    corrections: Mapping[str, Correction],
) -> list[tuple[Prediction, tuple[str, ...]]]:
    """Each prediction after all corrections, in their order, and the names of those that changed it. mask (H, W) bool.

    Only the known pixels that a correction reaches are converted: those of the rings for all holes at once, those
    farther away for one hole at a time, and a long hole is corrected section by section (`sections`), so that a scan of
    100 megapixels costs no more than its holes.
    """
    if not corrections:
        return [(prediction, ()) for prediction in predictions]
    works = [sections_of(hole) for hole in holes]
    parts = [section.part for sections in works for section in sections]
    given = [each.of(prediction) for sections, prediction in zip(works, predictions, strict=True) for each in sections]
    made = iter(_all_corrected(picture, mask, parts, given, corrections))
    found = []
    for hole, sections, prediction in zip(holes, works, predictions, strict=True):
        results = list(itertools.islice(made, len(sections)))
        whole = joined(hole, sections, [each for each, _ in results], prediction, mask.shape)
        names = {name for _, changed in results for name in changed}
        found.append((whole, tuple(name for name in corrections if name in names)))
    return found


def _all_corrected(
    picture: Picture,
    mask: Bool,
    holes: Sequence[Hole],
    predictions: Sequence[Prediction],
    corrections: Mapping[str, Correction],
) -> list[tuple[Prediction, tuple[str, ...]]]:
    """As `corrected`, each as a whole."""
    owns = [prediction.own(hole) for hole, prediction in zip(holes, predictions, strict=True)]
    found = []
    for hole, prediction, window in zip(holes, predictions, _rings(picture, mask, owns, predictions), strict=True):
        windows = {RING_PX: window}
        names: list[str] = []
        for name, correct in corrections.items():
            px = correct.reach.px(hole.area)
            if px not in windows:
                made = Prediction(prediction.x, prediction.y, windows[RING_PX].fill)
                windows[px] = _wide(picture, mask, hole, made, px)
            changed = correct(windows[px])
            if changed is not windows[px].fill:
                names.append(name)
                inner = _inside(prediction.box, windows[px])
                windows = {key: _refilled(each, prediction.box, changed[inner]) for key, each in windows.items()}
        found.append((Prediction(prediction.x, prediction.y, windows[RING_PX].fill), tuple(names)))
    return found


def _rings(picture: Picture, mask: Bool, owns: Sequence[Bool], predictions: Sequence[Prediction]) -> list[Window]:
    """What each prediction covers, and the known pixels near its hole."""
    rings = [_known(picture, mask, own, p.box, RING_PX) for own, p in zip(owns, predictions, strict=True)]
    # Once for all: converting a few pixels costs as much as converting a thousand.
    stored = np.concatenate([picture.pixels[p.box][ring] for p, ring in zip(predictions, rings, strict=True)])
    ends = np.cumsum([np.count_nonzero(ring) for ring in rings])[:-1]
    parts = np.split(picture.colour.seen(stored[:, None])[:, 0], ends)
    found = []
    for prediction, own, ring, part in zip(predictions, owns, rings, parts, strict=True):
        seen = np.zeros_like(prediction.values)
        seen[ring] = part
        found.append(Window(prediction.values, seen, ring, own, prediction.y, prediction.x))
    return found


def _wide(picture: Picture, mask: Bool, hole: Hole, prediction: Prediction, px: int) -> Window:
    """The hole's box grown by `px` > RING_PX, within the image."""
    top, left = max(0, hole.y - px), max(0, hole.x - px)
    bottom, right = min(mask.shape[0], hole.y + hole.h + px), min(mask.shape[1], hole.x + hole.w + px)
    box = slice(top, bottom), slice(left, right)
    own = np.pad(hole.own, ((hole.y - top, bottom - hole.y - hole.h), (hole.x - left, right - hole.x - hole.w)))
    known = _known(picture, mask, own, box, px)
    seen = np.zeros((*own.shape, 3), dtype=np.float32)
    if known.any():
        seen[known] = picture.colour.seen(picture.pixels[box][known][:, None])[:, 0]
    return _refilled(Window(seen, seen, known, own, top, left), prediction.box, prediction.values)


def _refilled(window: Window, box: Box, values: Float) -> Window:
    """The window with other values of the prediction, which lies at `box` of the picture."""
    inner = _inside(box, window)
    if values.shape == window.fill.shape:
        fill = values
    else:
        fill = window.fill.copy()
        fill[inner] = values
    return Window(fill, window.seen, window.known, window.own, window.y, window.x)


def _inside(box: Box, window: Window) -> Box:
    """Where a box of the picture lies in the window."""
    rows, columns = box
    return (
        slice(rows.start - window.y, rows.stop - window.y),
        slice(columns.start - window.x, columns.stop - window.x),
    )


def _known(picture: Picture, mask: Bool, own: Bool, box: Box, px: int) -> Bool:
    """The known pixels within `px` of a hole's own, (h, w) bool like `own`."""
    near = cv2.distanceTransform((~own).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3) <= px
    near &= ~mask[box]
    missing = picture.missing(box)
    return near if missing is None else near & ~missing
