from collections.abc import Sequence

import numpy as np
import pytest

from tasks.fill.colour import Plain
from tasks.fill.holes import Hole, find_holes
from tasks.fill.ladder import AROUND_PX, Paint, View, climb, first_region, halvings_of
from tasks.fill.picture import Picture
from tasks.fill.pieces import OVERLAP_PX
from tasks.fill.region import Region, cut
from tasks.fill.settings import FillSettings

POLICY = FillSettings(max_region_px=256)


def everywhere(view: View) -> np.ndarray:
    return view.hole & ~view.other


def fully(view: View) -> np.ndarray:
    return np.ones(view.hole.shape, np.float32)


def blob(shape: tuple[int, int], box: tuple[int, int, int, int]) -> tuple[np.ndarray, Hole]:
    mask = np.zeros(shape, bool)
    y, x, h, w = box
    mask[y : y + h, x : x + w] = True
    mask[y : y + h // 4, x : x + w // 3] = False
    return mask, find_holes(mask, 0)[0]


def test_the_first_look_is_whole_small_and_inside() -> None:
    for box in ((100, 50, 300, 400), (0, 0, 500, 20), (590, 790, 10, 10)):
        hole = blob((600, 800), box)[1]
        region = first_region(hole, (600, 800), POLICY)
        assert 0 <= region.x <= hole.x and region.x + region.w <= 800 and hole.x + hole.w <= region.x + region.w
        assert 0 <= region.y <= hole.y and region.y + region.h <= 600 and hole.y + hole.h <= region.y + region.h
        assert max(region.shown_w, region.shown_h) <= 256


@pytest.mark.parametrize(("scale", "expected"), [(1, [0]), (1.9, [0]), (2, [0]), (2.1, [1, 0]), (9, [3, 2, 1, 0])])
def test_scales_double_up_to_the_images_own(scale: float, expected: list[int]) -> None:
    region = Region(0, 0, round(400 * scale), round(200 * scale), 400, 200)
    assert halvings_of(region, (10000, 10000)) == expected
    assert halvings_of(region, (10000, 1)) == [0]


@pytest.mark.parametrize("shape", [(611, 803), (403, 2000)])
def test_tiles_of_any_offset_leave_no_edge(shape: tuple[int, int]) -> None:
    """Each tile is off by what depends on where it lies; what is made must stay continuous and weights sum to 1."""
    mask, hole = blob(shape, (40, 60, 340, 640))
    picture = Picture(np.full((*shape, 3), 0.5, np.float32), Plain())
    calls = 0

    def off(views: Sequence[View]) -> list[np.ndarray]:
        nonlocal calls
        calls += len(views)
        return [np.full_like(view.shown, 0.3 + 0.4 * ((view.hole.sum() * 7 + calls) % 11) / 11) for view in views]

    region = first_region(hole, shape, POLICY)
    first = np.full((region.shown_h, region.shown_w, 3), 0.5, np.float32)
    made = climb(picture, mask, hole, (first, region), POLICY, lambda _: Paint(everywhere, off, fully))
    assert calls > 6
    own = made.own(hole)
    assert made.values[own].min() > 0.299 and made.values[own].max() < 0.701
    for axis in (0, 1):
        step = np.abs(np.diff(made.values[:, :, 0], axis=axis))
        both = np.delete(own, 0, axis) & np.delete(own, -1, axis)
        assert step[both].max() <= 0.4 * 1.5 / 32 + 1e-5  # the steepest of a smooth step over the overlap


def test_the_truth_comes_through_at_native_sharpness() -> None:
    shape = (500, 700)
    truth = np.random.default_rng(3).random((*shape, 3), dtype=np.float32)
    mask, hole = blob(shape, (100, 150, 300, 350))
    picture = Picture(truth, Plain())
    clear = np.zeros_like(mask)

    def remember(views: Sequence[View]) -> list[np.ndarray]:
        return [_truth_of(truth, view) for view in views]

    region = first_region(hole, shape, POLICY)
    first, _ = cut(picture, clear, region)
    made = climb(picture, mask, hole, (first, region), POLICY, lambda _: Paint(everywhere, remember, fully))
    own = made.own(hole)
    assert np.abs(made.values[own] - truth[made.box][own]).max() < 1e-5


def _truth_of(truth: np.ndarray, view: View) -> np.ndarray:
    """The truth of a view, at any of its scales, found by its first known pixel."""
    y, x = (int(v) for v in np.argwhere(~view.hole)[0])
    for halvings in range(6):
        size = 1 << halvings
        h, w = truth.shape[0] // size, truth.shape[1] // size
        small = truth[: h * size, : w * size].reshape(h, size, w, size, 3).mean(axis=(1, 3))
        near = np.argwhere(np.abs(small - view.shown[y, x]).max(axis=2) < 1e-6)
        for row, column in near:
            top, left = int(row) - y, int(column) - x
            part = small[top : top + view.hole.shape[0], left : left + view.hole.shape[1]]
            if top >= 0 and left >= 0 and part.shape == view.shown.shape:
                known = ~view.hole
                if np.abs(part[known] - view.shown[known]).max() < 1e-5:
                    return part.astype(np.float32)
    raise AssertionError("a view of nothing")


def test_what_is_shown_is_bounded_and_follows_the_hole() -> None:
    shapes: list[tuple[int, int]] = []

    def paint(views: Sequence[View]) -> list[np.ndarray]:
        assert sum(v.hole.size for v in views) < (1 << 21) + 256 * 256
        shapes.extend((v.hole.shape[0], v.hole.shape[1]) for v in views)
        return [view.shown for view in views]

    shape = (2000, 2000)
    mask = np.zeros(shape, bool)
    for index in range(1600):  # a tear from corner to corner
        mask[200 + index, max(0, 200 + index - 20) : 200 + index + 20] = True
    hole = find_holes(mask, 0)[0]
    picture = Picture(np.zeros((*shape, 3), np.uint8), Plain())
    region = first_region(hole, shape, POLICY)
    first = np.zeros((region.shown_h, region.shown_w, 3), np.float32)
    tiles: dict[int, int] = {}

    def paint_of(index: int) -> Paint:
        def counted(views: Sequence[View]) -> list[np.ndarray]:
            tiles[index] = tiles.get(index, 0) + len(views)
            return paint(views)

        return Paint(everywhere, counted, fully)

    climb(picture, mask, hole, (first, region), POLICY, paint_of)
    assert max(max(shape) for shape in shapes) <= 256
    side = 256 - 2 * (AROUND_PX + OVERLAP_PX)
    assert tiles[max(tiles)] < 0.35 * hole.w * hole.h / side**2
