from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill import regions
from tasks.fill.colour import Plain
from tasks.fill.holes import Hole, find_holes
from tasks.fill.packing import STEP
from tasks.fill.picture import Picture
from tasks.fill.pieces import pieces_of
from tasks.fill.prediction import RING_PX
from tasks.fill.regions import MIRROR_PX, region_at, regions_of, run
from tasks.fill.settings import FillSettings

POLICY = FillSettings(context=2.0, min_region_px=96)


class Local:
    """Blurs what is known; every crop gets an offset of its own, as a generator's crops differ. Remembers shapes."""

    def __init__(self, offset: float = 0.1) -> None:
        self.offset, self.shapes, self.calls = offset, [], 0

    def fill(self, crops: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.shapes += [mask.shape for mask in masks]
        self.calls += 1
        return [self._one(crop, mask) for crop, mask in zip(crops, masks, strict=True)]

    def _one(self, crop: np.ndarray, mask: np.ndarray) -> np.ndarray:
        known = (~mask).astype(np.float32)
        weight = cv2.blur(known, (61, 61)) + np.float32(1e-3)
        spread = cv2.blur(crop * known[..., None], (61, 61)) / weight[..., None]
        shift = self.offset * np.sin(1000 * np.float64(crop[~mask].mean(dtype=np.float64)))
        return np.clip(spread + shift, 0, 1).astype(np.float32)


def damage(rng: np.random.Generator, shape: tuple[int, int], specks: int = 20, tears: int = 1) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    height, width = shape
    for _ in range(specks):
        cv2.circle(mask, (int(rng.integers(width)), int(rng.integers(height))), int(rng.integers(1, 6)), (1,), -1)
    for _ in range(tears):
        points = (rng.random((5, 2)) * (width, height)).astype(np.int32)
        cv2.polylines(mask, [points[:, None]], False, 1, int(rng.integers(2, 16)))
    return mask.astype(bool)


def noise(seed: int, shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_a_region_holds_its_piece_and_lies_in_the_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(20, 700)), int(rng.integers(20, 700)))
    holes = find_holes(damage(rng, shape, 8), 8)
    pieces = [piece for hole in holes for piece in pieces_of(hole, POLICY)]
    for region, piece in zip(regions_of(pieces, shape, POLICY), pieces, strict=True):
        assert 0 <= region.x <= piece.x
        assert 0 <= region.y <= piece.y
        assert piece.x + piece.w <= region.x + region.w <= shape[1]
        assert piece.y + piece.h <= region.y + region.h <= shape[0]
        assert max(region.shape) <= POLICY.max_region_px
        if not region.scaled:
            assert all(side % STEP == 0 for side in region.shape)
            # The context is there, but for what would be mirrored further than it may be.
            assert piece.x - region.x >= min(piece.margin, piece.x)
            assert region.x + region.w - piece.x - piece.w >= min(piece.margin, shape[1] - piece.x - piece.w)


def test_specks_share_regions(mean_generator) -> None:
    mask = np.zeros((400, 400), bool)
    mask[100:300:20, 100:300:20] = True
    holes = find_holes(mask, 0)
    fills = run(Picture(noise(0, (400, 400)), Plain()), mask, holes, mean_generator, POLICY)
    assert len(fills) == len(holes) == 100
    assert len(mean_generator.shapes) == 1
    side = 1 + 2 * RING_PX
    assert all(fill.values.shape == (side, side, 3) for fill in fills)
    assert all(
        (fill.own(hole).sum() == 1) and mask[fill.box][fill.own(hole)].all()
        for fill, hole in zip(fills, holes, strict=True)
    )


def test_a_speck_gets_a_small_region_and_no_hole_much_more_than_it_needs() -> None:
    for size, side in ((1, 96), (16, 96), (40, 128), (100, 224), (250, 480), (280, 512)):
        [piece] = pieces_of(Hole(900, 900, size, size, np.ones((size, size), bool)), POLICY)
        region = region_at(piece.window, (2000, 2000), POLICY)
        assert region.shape == (side, side) and not region.scaled


def test_a_window_longer_than_the_generator_is_good_at_is_shown_scaled_down() -> None:
    region = region_at((100, 200, 1300, 800), (1000, 1500), POLICY)
    assert region.scaled and (region.w, region.h) == (1216, 608)
    assert region.shape == (256, 512)
    region = region_at((-100, 200, 1300, 800), (1000, 1500), POLICY)
    assert max(region.shape) == 512 and region.mirror[1] > 0


def test_what_lies_beyond_the_image_is_shown_mirrored() -> None:
    image = noise(0, (200, 300))
    mask = np.zeros((200, 300), bool)
    mask[90:110, 0:20] = True
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    class Watching:
        def fill(self, crops, masks):
            seen.extend(zip(crops, masks, strict=True))
            return [crop + np.arange(crop.shape[1], dtype=np.float32)[None, :, None] for crop in crops]

    holes = find_holes(mask, 0)
    [fill] = run(Picture(image, Plain()), mask, holes, Watching(), POLICY)
    [(crop, hole)] = seen
    # What came back is what was shown plus the number of the column: of the image's first, how many are beyond it.
    first = round(float(fill.values[RING_PX, 0, 0] - image[90, 0, 0] / 255))
    assert 0 < first <= MIRROR_PX + STEP
    assert (crop[:, :first] == crop[:, first + 1 : 2 * first + 1][:, ::-1]).all()
    assert (hole[:, :first] == hole[:, first + 1 : 2 * first + 1][:, ::-1]).all()
    assert (fill.x, fill.y) == (0, 90 - RING_PX)
    assert fill.values.shape == (20 + 2 * RING_PX, 20 + RING_PX, 3)


@pytest.mark.parametrize("seed", range(4))
def test_neither_the_order_of_holes_nor_the_size_of_a_call_decides(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    shape = (700, 900)
    image, mask = noise(seed, shape), damage(rng, shape, 30, 2)
    holes = find_holes(mask, 8)
    picture = Picture(image, Plain())
    plain = run(picture, mask, holes, Local(), POLICY)
    order = rng.permutation(len(holes))
    mixed = run(picture, mask, [holes[i] for i in order], Local(), POLICY)
    monkeypatch.setattr(regions, "AT_ONCE_PX", 20_000)
    few = Local()
    apart = run(picture, mask, holes, few, POLICY)
    assert few.calls > 3
    for position, index in enumerate(order):
        assert plain[index].values.tobytes() == mixed[position].values.tobytes()
        assert plain[index].values.tobytes() == apart[index].values.tobytes()


@pytest.mark.parametrize(("down", "right"), [(8, 0), (24, 16), (5, 3)])
def test_a_moved_picture_is_filled_alike(down: int, right: int) -> None:
    """Away from the border bit for bit, whatever the step: no grid is laid over the image."""
    inner = (900, 1100)
    image = np.pad(noise(1, inner), ((200, 200), (200, 200), (0, 0)), mode="wrap")
    mask = np.pad(damage(np.random.default_rng(3), inner, 25, 2), 200)
    moved = [np.roll(array, (down, right), (0, 1)) for array in (image, mask)]
    there = run(Picture(image, Plain()), mask, find_holes(mask, 8), Local(), POLICY)
    then = run(Picture(moved[0], Plain()), moved[1], find_holes(moved[1], 8), Local(), POLICY)
    assert len(there) == len(then) > 10
    for one, other in zip(there, then, strict=True):
        assert (one.y + down, one.x + right) == (other.y, other.x)
        assert one.values.tobytes() == other.values.tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_no_seam_runs_inside_a_hole(seed: int) -> None:
    """A generator that is off by another amount in every crop: inside a hole its fills still meet without a step."""
    shape = (600, 1400)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.repeat((0.3 + 0.4 * x / shape[1] + 0.2 * y / shape[0])[:, :, None], 3, axis=2).astype(np.float32)
    mask = damage(np.random.default_rng(seed), shape, 0, 1)
    holes = find_holes(mask, 8)
    generator = Local(0.15)
    made = run(Picture(image, Plain()), mask, holes, generator, POLICY)
    assert len(generator.shapes) > len(holes)
    for hole, fill in zip(holes, made, strict=True):
        own = fill.own(hole)
        for values, inside in ((fill.values, own), (fill.values.swapaxes(0, 1), own.T)):
            steps = np.abs(np.diff(values, axis=1)).max(axis=2)[inside[:, 1:] & inside[:, :-1]]
            assert steps.max(initial=0) < 0.04


def test_a_tear_across_a_large_image_costs_its_length_not_the_image() -> None:
    shape = (3000, 4000)
    image = np.zeros((*shape, 3), np.uint8)
    mask = np.zeros(shape, np.uint8)
    cv2.line(mask, (30, 40), (3950, 2900), (1,), 10)
    generator = Local()
    hole = mask.astype(bool)
    run(Picture(image, Plain()), hole, find_holes(hole, 8), generator, POLICY)
    shown = sum(height * width for height, width in generator.shapes)
    assert max(map(max, generator.shapes)) <= 512
    assert shown < 0.2 * hole.size
