import mmap
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.holes import Hole, find_holes
from tasks.fill.joint import Joint
from tasks.fill.pieces import OVERLAP_PX, pieces_of
from tasks.fill.prediction import RING_PX, Prediction
from tasks.fill.region import Region
from tasks.fill.regions import region_at
from tasks.fill.settings import FillSettings

SHAPE = (420, 1100)
STATM = Path("/proc/self/statm")


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(STATM.read_text().split()[1]) * mmap.PAGESIZE


SETTINGS = FillSettings(context=2.0, min_region_px=96)


def tear(seed: int, width: int = 12) -> Hole:
    rng = np.random.default_rng(seed)
    x = np.arange(-20, SHAPE[1] + 60, 60)
    y = np.clip(SHAPE[0] / 2 + np.cumsum(rng.normal(0, 30, len(x))), 0, SHAPE[0])
    mask = np.zeros(SHAPE, np.uint8)
    cv2.polylines(mask, [np.stack([x, y], axis=1).astype(np.int32)[:, None]], False, 1, width)
    return find_holes(mask.astype(bool), 0)[0]


def joined(hole: Hole, fill_of, order: int = 1) -> Prediction:
    """The hole's pieces, each filled by `fill_of(region)`, (h, w, 3)."""
    joint = Joint(hole, SHAPE)
    pieces = pieces_of(hole, SETTINGS)
    assert len(pieces) > 2
    for piece in pieces[::order]:
        region = region_at(piece.window, SHAPE, SETTINGS)
        top, left, bottom, right = region.mirror
        fill = np.pad(fill_of(region), ((top, bottom), (left, right), (0, 0)), constant_values=np.nan)
        joint.add(piece, fill.astype(np.float32), region)
    return joint.prediction()


def of(picture: np.ndarray, region: Region) -> np.ndarray:
    return picture[region.box]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_pieces_that_agree_become_what_they_agree_on(seed: int) -> None:
    picture = np.random.default_rng(seed).random((*SHAPE, 3)).astype(np.float32)
    hole = tear(seed)
    made = joined(hole, lambda region: of(picture, region))
    own = made.own(hole)
    assert np.abs(made.values - picture[made.box])[own].max() < 1e-6
    ring = cv2.distanceTransform((~own).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= RING_PX
    assert np.abs(made.values - picture[made.box])[ring].max() < 1e-5


@pytest.mark.parametrize("seed", range(4))
def test_pieces_that_differ_meet_without_a_step(seed: int) -> None:
    """Each crop has an offset of its own; the picture below is smooth."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / 1100
    smooth = np.stack([0.3 + 0.2 * x, 0.5 - 0.2 * y, 0.4 + 0.1 * x * y], axis=2)
    rng = np.random.default_rng(seed)
    hole = tear(seed)
    made = joined(hole, lambda region: of(smooth, region) + rng.uniform(-0.1, 0.1))
    own = made.own(hole)
    for axis in (0, 1):
        both = np.minimum(own.take(range(1, own.shape[axis]), axis), own.take(range(own.shape[axis] - 1), axis))
        steps = np.abs(np.diff(made.values, axis=axis))[both]
        # 3t² − 2t³ over the overlap, between offsets that are at most 0.2 apart; two cuts may cross
        assert steps.max() <= 2 * 0.2 * 1.5 / (2 * OVERLAP_PX) + 0.2 / 1100 + 1e-5
    spread = (made.values - smooth[made.box])[own]
    assert spread.max() - spread.min() > 0.02


@pytest.mark.parametrize("kind", ["gradient", "texture"])
def test_gradients_across_cuts_are_those_beside_them(kind: str) -> None:
    """What every piece finds by itself: the picture with an error of its own, as large as a generator's."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    picture = np.repeat((0.3 + 0.4 * x / SHAPE[1] + 0.1 * y / SHAPE[0])[:, :, None], 3, axis=2)
    if kind == "texture":
        picture = picture + cv2.GaussianBlur(rng.normal(0, 0.3, SHAPE), (0, 0), 1.5)[:, :, None]
    across, beside = [], []
    for seed in range(8):
        hole = tear(seed, 24)
        made = joined(hole, lambda region: of(picture, region) + rng.normal(0, 0.01))
        own = made.own(hole)
        step = np.abs(np.diff(made.values, axis=1)).mean(axis=2)
        inside = own[:, 1:] & own[:, :-1]
        cuts = sorted({piece.left for piece in pieces_of(hole, SETTINGS) if piece.left is not None})
        near = np.zeros(step.shape[1], bool)
        for at in cuts:
            near[at - made.x - 1 : at - made.x + 1] = True
        across.append(step[:, near][inside[:, near]])
        beside.append(step[:, ~near][inside[:, ~near]])
    a, b = np.concatenate(across), np.concatenate(beside)
    assert len(a) > 300
    assert 0.85 < a.mean() / b.mean() < 1.15 if kind == "texture" else abs(a.mean() - b.mean()) < 1e-3
    assert np.percentile(a, 99) <= 1.2 * np.percentile(b, 99) + 1e-3


def test_the_order_of_pieces_says_little() -> None:
    rng = np.random.default_rng(0)
    picture = rng.random((*SHAPE, 3)).astype(np.float32)
    hole = tear(5)
    one, other = (joined(hole, lambda region: of(picture, region), order) for order in (1, -1))
    assert (one.x, one.y) == (other.x, other.y)
    assert np.abs(one.values - other.values).max() < 1e-6


@pytest.mark.skipif(not STATM.exists(), reason="resident memory is read from /proc")
def test_what_no_region_reaches_takes_no_memory() -> None:
    side = 4000
    mask = np.zeros((side, side), np.uint8)
    cv2.line(mask, (10, 20), (side - 10, side - 30), (1,), 6)
    [hole] = find_holes(mask.astype(bool), 0)
    pieces = pieces_of(hole, SETTINGS)
    before = resident()
    joint = Joint(hole, mask.shape)
    for piece in pieces:
        region = region_at(piece.window, mask.shape, SETTINGS)
        joint.add(piece, np.ones((*region.shape, 3), np.float32), region)
    made = joint.prediction()
    assert resident() - before < 0.4 * side * side * 4 * 4
    assert np.abs(made.values[made.own(hole)] - 1).max() < 1e-6
    assert np.count_nonzero(made.values[:, :, 0]) < 0.2 * side * side
