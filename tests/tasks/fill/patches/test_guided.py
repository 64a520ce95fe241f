import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.fill import regions
from tasks.fill.colour import Plain
from tasks.fill.fill import fill_image
from tasks.fill.holes import find_holes
from tasks.fill.patches.guided import run, suits
from tasks.fill.patches.window import PART_PX
from tasks.fill.picture import Picture, plain_picture
from tasks.fill.prediction import Prediction
from tasks.fill.settings import FillSettings, MaskSettings

Bool = NDArray[np.bool_]
POLICY = FillSettings(passes=("patches", "regions"), merge_px=0)


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (height, width, 3)), (0, 0), 1.2)
    return np.clip(128 + 90 * noise, 0, 255).astype(np.uint8)


def discs(height: int, width: int, *places: tuple[int, int, int]) -> Bool:
    y, x = np.mgrid[:height, :width]
    return np.logical_or.reduce([(y - b) ** 2 + (x - a) ** 2 < r * r for b, a, r in places])


def grey(*arguments) -> list[Prediction]:
    """A guide that depends on nothing."""
    return [Prediction(p.x, p.y, np.full_like(p.values, 0.5)) for p in regions.run(*arguments)]


def test_known_pixels_stay_and_the_ring_shows_them(mean_generator) -> None:
    image, mask = picture(150, 200), discs(150, 200, (70, 60, 20), (10, 190, 16), (60, 97, 12))
    seen = Picture(image, Plain())
    holes = find_holes(mask, 0)
    assert len(holes) == 3
    for hole, fill in zip(holes, run(seen, mask, holes, mean_generator, POLICY), strict=True):
        known = ~mask[fill.box]
        truth = seen.colour.seen(image[fill.box])
        assert (fill.values[known] == truth[known]).all()
        assert fill.values[fill.own(hole)].std() > 0.05  # the generator's is flat
    filled = fill_image(image, mask, mean_generator, MaskSettings(dilate_px=0, feather_px=0), POLICY)
    assert "patches" in {hole.fill_pass for hole in filled.holes}
    assert (filled.pixels[~mask] == image[~mask]).all()


def test_what_is_under_any_hole_is_never_looked_at(mean_generator) -> None:
    image, mask = picture(150, 200), discs(150, 200, (70, 60, 20), (60, 97, 12))
    holes = find_holes(mask, 0)
    one = run(Picture(image, Plain()), mask, holes, mean_generator, POLICY)
    image[mask] = 255 - image[mask]
    other = run(Picture(image, Plain()), mask, holes, mean_generator, POLICY)
    assert all((a.values == b.values)[a.own(h)].all() for a, b, h in zip(one, other, holes, strict=True))


def test_order_and_company_change_nothing(mean_generator) -> None:
    image, mask = picture(150, 260), discs(150, 260, (70, 60, 20), (60, 97, 12), (80, 200, 22))
    seen, holes = Picture(image, Plain()), find_holes(mask, 0)
    together = run(seen, mask, holes, mean_generator, POLICY)
    backwards = run(seen, mask, holes[::-1], mean_generator, POLICY)[::-1]
    for a, b in zip(together, backwards, strict=True):
        assert (a.values == b.values).all()
    together = run(seen, mask, holes, mean_generator, POLICY, guide=grey)
    for hole, fill in zip(holes, together, strict=True):
        assert (run(seen, mask, [hole], mean_generator, POLICY, guide=grey)[0].values == fill.values).all()


def test_a_guide_of_another_level_changes_nothing(mean_generator) -> None:
    """What it gets wrong around the hole, it gets wrong in it."""
    image, mask = picture(150, 200), discs(150, 200, (70, 60, 20))
    seen, holes = Picture(image, Plain()), find_holes(mask, 0)

    def darker(*arguments) -> list[Prediction]:
        return [Prediction(p.x, p.y, p.values - np.float32(0.2)) for p in grey(*arguments)]

    one, other = (run(seen, mask, holes, mean_generator, POLICY, guide=g)[0] for g in (grey, darker))
    own = one.own(holes[0])
    assert np.abs(one.values - other.values)[own].mean() < 0.002


def test_the_same_surroundings_give_the_same_fill_anywhere(mean_generator) -> None:
    part, hole = picture(140, 140), discs(140, 140, (70, 70, 20))
    fills = []
    for y, x in ((200, 200), (213, 241)):
        image, mask = picture(600, 600, seed=1), np.zeros((600, 600), bool)
        image[y : y + 140, x : x + 140], mask[y : y + 140, x : x + 140] = part, hole
        holes = find_holes(mask, 0)

        made = run(Picture(image, Plain()), mask, holes, mean_generator, POLICY, guide=grey)[0]
        fills.append(made.values[made.own(holes[0])])
    assert (fills[0] == fills[1]).all()


def test_a_hole_larger_than_a_part_is_textured_part_by_part(mean_generator) -> None:
    side = PART_PX + 40
    image, mask = picture(side + 200, 260), np.zeros((side + 200, 260), bool)
    mask[100 : 100 + side, 110:150] = True
    holes = find_holes(mask, 0)
    fill = run(Picture(image, Plain()), mask, holes, mean_generator, FillSettings(patch_context_px=64))[0]
    values = fill.values[fill.own(holes[0])].reshape(side, 40, 3)
    lively = values.std(axis=(1, 2))
    assert lively.min() > 0.03
    step = np.abs(np.diff(values, axis=0)).mean(axis=(1, 2))
    assert step[PART_PX - 1] < 2 * np.median(step)


def test_no_number_is_neither_copied_nor_kept(mean_generator) -> None:
    image, mask = picture(150, 200).astype(np.float32) / 255, discs(150, 200, (70, 60, 20))
    image[65:75, 100:110] = np.nan
    holes = find_holes(mask, 0)
    fill = run(plain_picture(image, mask | np.isnan(image).any(axis=2)), mask, holes, mean_generator, POLICY)[0]
    assert np.isfinite(fill.values).all()


@pytest.mark.parametrize(("radius", "expected"), [(2, False), (5, False), (8, True), (30, True)])
def test_it_suits_what_is_thick(radius: int, expected: bool) -> None:
    hole = find_holes(discs(150, 150, (70, 70, radius)), 0)[0]
    assert suits(hole, (150, 150), POLICY) is expected
