import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

from tasks.fill import ladder, multiscale, regions
from tasks.fill.colour import Plain
from tasks.fill.holes import find_holes
from tasks.fill.picture import Picture
from tasks.fill.settings import FillSettings

POLICY = FillSettings(max_region_px=256)


class Blurry:
    """Predicts known pixels, and in the hole what depends on the crop's values, its size and its mask."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def fill(self, crops: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.shapes += [crop.shape for crop in crops]
        assert all(np.isfinite(crop[~mask]).all() for crop, mask in zip(crops, masks, strict=True))
        means = [
            crop[~mask].mean(axis=0) if (~mask).any() else np.float32(0.5)
            for crop, mask in zip(crops, masks, strict=True)
        ]
        return [
            np.where(mask[:, :, None], mean, crop).astype(np.float32)
            for crop, mask, mean in zip(crops, masks, means, strict=True)
        ]


def scene(shape: tuple[int, int] = (520, 640)) -> tuple[Picture, np.ndarray]:
    mask = np.zeros(shape, bool)
    mask[60:360, 40:380] = True
    mask[390:490, 0:300] = True
    mask[100:110, 500:512] = True
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    return Picture(image, Plain()), mask


def test_it_suits_what_regions_would_show_scaled_down() -> None:
    mask = np.zeros((3000, 3000), bool)
    mask[100:110, 100:2900] = True  # long, but its pieces are small
    mask[1000:2000, 1000:2000] = True
    mask[2500:2510, 100:110] = True
    answers = [multiscale.suits(hole, mask.shape, FillSettings()) for hole in find_holes(mask, 16)]
    assert answers == [False, True, False]


def test_any_order_and_number_of_holes_gives_the_same_bytes() -> None:
    picture, mask = scene()
    holes = find_holes(mask, 16)
    together = multiscale.run(picture, mask, holes, Blurry(), POLICY)
    backwards = multiscale.run(picture, mask, holes[::-1], Blurry(), POLICY)[::-1]
    alone = [multiscale.run(picture, mask, [hole], Blurry(), POLICY)[0] for hole in holes]
    for a, b, c, hole in zip(together, backwards, alone, holes, strict=True):
        own = a.own(hole)
        assert a.box == b.box == c.box
        assert np.array_equal(a.values[own], b.values[own]) and np.array_equal(a.values[own], c.values[own])


def test_small_holes_are_regions() -> None:
    picture, mask = scene()
    small = [hole for hole in find_holes(mask, 16) if hole.w < 20]
    ours = multiscale.run(picture, mask, small, Blurry(), POLICY)
    theirs = regions.run(picture, mask, small, Blurry(), POLICY)
    assert all(np.array_equal(a.values, b.values) for a, b in zip(ours, theirs, strict=True))


def test_a_constant_picture_stays_constant() -> None:
    _, mask = scene()
    picture = Picture(np.full((*mask.shape, 3), 100, np.uint8), Plain())
    holes = find_holes(mask, 16)
    for made, hole in zip(multiscale.run(picture, mask, holes, Blurry(), POLICY), holes, strict=True):
        assert np.abs(made.values[made.own(hole)] - 100 / 255).max() < 5e-4  # an eighth of a step


def test_what_a_hole_holds_is_never_looked_at() -> None:
    picture, mask = scene()
    holes = find_holes(mask, 16)
    other = picture.pixels.copy()
    other[mask] = 255 - other[mask]
    a, b = (multiscale.run(Picture(p, Plain()), mask, holes, Blurry(), POLICY) for p in (picture.pixels, other))
    for x, y, hole in zip(a, b, holes, strict=True):
        assert np.array_equal(x.values[x.own(hole)], y.values[y.own(hole)])


def test_memory_follows_the_fill_not_the_number_of_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "AT_ONCE_PX", 1 << 17)
    generator = Blurry()
    mask = np.zeros((1200, 1200), bool)
    mask[100:1100, 100:1100] = True
    picture = Picture(np.random.default_rng(0).integers(0, 256, (1200, 1200, 3)).astype(np.uint8), Plain())
    holes = find_holes(mask, 16)
    tracemalloc.start()
    (made,) = multiscale.run(picture, mask, holes, generator, POLICY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.values.shape == (1032, 1032, 3)
    # The fill and the one before it at half the size, and what is seen at one time.
    assert peak < 1.25 * made.values.nbytes + 40e6  # all tiles at once would be 400 MB
    assert max(max(shape) for shape in generator.shapes) <= 256 + 4
