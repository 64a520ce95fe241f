import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.colour import Plain
from tasks.fill.holes import find_holes
from tasks.fill.picture import Picture
from tasks.fill.prediction import RING_PX
from tasks.fill.regions import STEP, region_of, run, share_regions
from tasks.fill.settings import FillSettings


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_region_holds_its_holes_and_lies_in_the_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(v) for v in rng.integers(20, 700, 2))
    mask = np.zeros(shape, bool)
    for _ in range(rng.integers(1, 12)):
        y, x = (int(rng.integers(0, n)) for n in shape)
        h, w = (int(v) for v in rng.integers(1, 60, 2))
        mask[y : y + h, x : x + w] = True
    holes = find_holes(mask, 8)
    policy = FillSettings()
    own = [region_of(hole, shape, policy) for hole in holes]
    for region, hole in zip(share_regions(own, holes), holes, strict=True):
        assert 0 <= region.x <= hole.x
        assert 0 <= region.y <= hole.y
        assert hole.x + hole.w <= region.x + region.w <= shape[1]
        assert hole.y + hole.h <= region.y + region.h <= shape[0]
        assert max(region.shown_w, region.shown_h) <= policy.max_region_px


def test_specks_share_regions(mean_generator) -> None:
    mask = np.zeros((400, 400), bool)
    mask[100:300:20, 100:300:20] = True
    image = np.random.default_rng(0).random((400, 400, 3)).astype(np.float32)
    holes = find_holes(mask, 0)
    fills = run(Picture(image, Plain()), mask, holes, mean_generator, FillSettings(merge_px=0))
    assert len(fills) == len(holes) == 100
    assert len(mean_generator.shapes) <= 40
    side = 1 + 2 * RING_PX
    assert all(fill.values.shape == (side, side, 3) for fill in fills)
    assert all(
        (fill.own(hole).sum() == 1) and mask[fill.box][fill.own(hole)].all()
        for fill, hole in zip(fills, holes, strict=True)
    )


def test_shapes_come_in_steps_so_that_they_share_a_batch() -> None:
    mask = np.zeros((2000, 2000), bool)
    sides = {}
    for size in range(10, 200, 3):
        mask[:] = False
        mask[900 : 900 + size, 900 : 900 + size] = True
        sides[size] = region_of(find_holes(mask, 0)[0], mask.shape, FillSettings()).w
    assert all(side % STEP == 0 for side in sides.values())
    assert sides[10] == 128
