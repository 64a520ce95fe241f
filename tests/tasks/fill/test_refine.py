from collections.abc import Sequence

import numpy as np
import pytest

from tasks.fill import multiscale, refine, regions
from tasks.fill.colour import Plain
from tasks.fill.holes import find_holes
from tasks.fill.picture import Picture
from tasks.fill.settings import FillSettings

POLICY = FillSettings(max_region_px=128, refine_steps=7)


class Agreeing:
    """Refines to exactly what its guide says, in nearest neighbours; fills with grey."""

    def __init__(self) -> None:
        self.filled: list[tuple[int, ...]] = []
        self.refined: list[tuple[int, ...]] = []
        self.silent = 0

    def fill(self, crops: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.filled += [crop.shape for crop in crops]
        return [np.full_like(crop, 0.5) for crop in crops]

    def refine(
        self, crops: Sequence[np.ndarray], masks: Sequence[np.ndarray], guides: Sequence[np.ndarray], steps: int
    ) -> list[np.ndarray]:
        assert steps == 7
        self.refined += [crop.shape for crop in crops]
        made = []
        for crop, guide in zip(crops, guides, strict=True):
            assert guide.shape == (-(-crop.shape[0] // 2), -(-crop.shape[1] // 2), 3)
            self.silent += int(np.isnan(guide).any())
            large = guide.repeat(2, axis=0).repeat(2, axis=1)[: crop.shape[0], : crop.shape[1]]
            made.append(np.nan_to_num(large, nan=0.5).astype(np.float32))
        return made


def scene() -> tuple[Picture, np.ndarray]:
    mask = np.zeros((700, 800), bool)
    mask[150:450, 200:500] = True
    mask[300:330, 540:560] = True
    return Picture(np.full((700, 800, 3), 128, np.uint8), Plain()), mask


def test_two_scales_above_the_first_are_refined_and_the_rest_is_multiscales() -> None:
    picture, mask = scene()
    generator = Agreeing()
    holes = find_holes(mask, 16)
    made = refine.run(picture, mask, holes, generator, POLICY)
    assert generator.refined and generator.filled
    assert max(max(shape) for shape in generator.refined) <= 128
    assert generator.silent  # the small hole lies in a view of the large one, of which its scale says nothing
    for each, hole in zip(made, holes, strict=True):
        own = each.own(hole)
        assert own.sum() == hole.area and np.abs(each.values[own] - 0.5).max() < 0.01


class Stubborn(Agreeing):
    """Refines to a texture that has nothing to do with the guide."""

    def refine(
        self, crops: Sequence[np.ndarray], masks: Sequence[np.ndarray], guides: Sequence[np.ndarray], steps: int
    ) -> list[np.ndarray]:
        made = super().refine(crops, masks, guides, steps)
        return [np.random.default_rng(0).uniform(0, 0.4, each.shape).astype(np.float32) for each in made]


def test_what_never_agrees_is_made_to_deep_in_the_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The coarser scale decides the colours there, the finer one the rest."""
    picture, mask = scene()
    hole = find_holes(mask, 16)[0]
    monkeypatch.setattr(refine, "AROUND_PX", 8)
    made = refine.run(picture, mask, [hole], Stubborn(), POLICY)[0]
    values = made.values[300 - made.y - 40 : 300 - made.y + 40, 350 - made.x - 40 : 350 - made.x + 40]
    assert abs(values.mean() - 0.5) < 0.02
    assert values.std() > 0.02


def test_any_order_gives_the_same_bytes() -> None:
    picture, mask = scene()
    holes = find_holes(mask, 16)
    forwards = refine.run(picture, mask, holes, Agreeing(), POLICY)
    backwards = refine.run(picture, mask, holes[::-1], Agreeing(), POLICY)[::-1]
    assert all(np.array_equal(a.values, b.values) for a, b in zip(forwards, backwards, strict=True))


def test_holes_without_a_finer_scale_are_regions_and_need_no_refining_generator(mean_generator) -> None:
    picture, mask = scene()
    small = [hole for hole in find_holes(mask, 16) if hole.w < 50]
    ours = refine.run(picture, mask, small, mean_generator, POLICY)
    theirs = regions.run(picture, mask, small, mean_generator, POLICY)
    assert np.array_equal(ours[0].values, theirs[0].values)


def test_a_generator_that_cannot_refine_is_named(mean_generator) -> None:
    picture, mask = scene()
    with pytest.raises(TypeError, match="MeanGenerator cannot refine"):
        refine.run(picture, mask, find_holes(mask, 16), mean_generator, POLICY)


def test_it_suits_the_same_holes_as_multiscale() -> None:
    assert refine.suits is multiscale.suits
