import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill import holes as module
from tasks.fill.holes import Hole, find_holes
from tasks.fill.mask import dilate


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 4, 16]), st.floats(0.9, 0.999))
@settings(max_examples=40, deadline=None)
def test_every_hole_pixel_has_exactly_one_owner(seed: int, merge: int, density: float) -> None:
    mask = np.random.default_rng(seed).random((50, 70)) > density
    owners = np.zeros(mask.shape, int)
    for hole in find_holes(mask, merge):
        owners[hole.box] += hole.own
        assert hole.own.any(axis=1)[[0, -1]].all()  # the box is tight
        assert hole.own.any(axis=0)[[0, -1]].all()
        assert hole.area == hole.own.sum()
    assert (owners == mask).all()


def test_near_components_are_one_hole() -> None:
    mask = np.zeros((20, 60), bool)
    mask[5:8, 5:8] = mask[5:8, 12:15] = mask[5:8, 50:53] = True
    assert [(h.x, h.w) for h in find_holes(mask, 8)] == [(5, 10), (50, 3)]
    assert len(find_holes(mask, 0)) == 3


def test_nothing_masked_is_no_hole() -> None:
    assert find_holes(np.zeros((5, 5), bool), 16) == []


def plainly(mask: np.ndarray, merge_px: int) -> list[Hole]:
    """The whole mask labelled at once."""
    count, labels = cv2.connectedComponents(dilate(mask, merge_px // 2).view(np.uint8), connectivity=8)
    found = []
    for label in range(1, count):
        own = (labels == label) & mask
        rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
        y, x, h, w = rows[0], columns[0], rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
        found.append(Hole(int(x), int(y), int(w), int(h), own[y : y + h, x : x + w]))
    return sorted(found, key=lambda hole: (hole.y, hole.x, hole.h, hole.w))


@pytest.mark.parametrize("tile", [1, 7, 16, 40])
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2, 5, 16]), st.sampled_from(["noise", "lines", "blocks"]))
@settings(max_examples=15, deadline=None)
def test_tiles_leave_no_trace(tile: int, seed: int, merge: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(1, 70, 2))
    canvas = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(0, 12))):
        (x0, x1), (y0, y1) = ((int(v) for v in rng.integers(0, side, 2)) for side in (width, height))
        if kind == "noise":
            canvas[rng.random(canvas.shape) > 0.98] = 1
        elif kind == "lines":
            cv2.line(canvas, (x0, y0), (x1, y1), (1,), 1)
        else:
            canvas[y0 : y0 + 9, x0 : x0 + 5] = 1
    mask = canvas.astype(bool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TILE_PX", tile)
        found = find_holes(mask, merge)
    expected = plainly(mask, merge)
    assert [(h.x, h.y, h.w, h.h) for h in found] == [(h.x, h.y, h.w, h.h) for h in expected]
    owners = [{(int(y) + h.y, int(x) + h.x) for y, x in np.argwhere(h.own)} for h in found]
    assert sorted(map(sorted, owners)) == sorted(
        sorted((int(y) + h.y, int(x) + h.x) for y, x in np.argwhere(h.own)) for h in expected
    )
