import cv2
import numpy as np
import pytest

from tasks.fill.colour import Plain, Spanned
from tasks.fill.holes import Hole, find_holes
from tasks.fill.picture import Picture
from tasks.fill.residual import RING_PX, carried, surroundings


def disc(side: int = 120, radius: int = 20) -> np.ndarray:
    mask = np.zeros((side, side), np.uint8)
    cv2.circle(mask, (side // 2, side // 2), radius, 1, -1)
    return mask.astype(bool)


def carry(picture: Picture, mask: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """What is carried, and what it should be, when the fill is the truth as it is seen."""
    holes = find_holes(mask, 0)
    stored = [picture.pixels[hole.box][hole.own][:, None] for hole in holes]
    seen = [picture.colour.seen(values) for values in stored]
    found = carried(picture, mask, holes, [values[:, 0] for values in seen])
    truth = [(v - picture.colour.stored(s))[:, 0] for v, s in zip(stored, seen, strict=True)]
    return [(np.zeros_like(t) if f is None else f, t) for f, t in zip(found, truth, strict=True)]


def test_nothing_is_carried_where_nothing_is_lost() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    mask = disc()
    holes = find_holes(mask, 0)
    fills = [np.zeros((hole.area, 3), np.float32) for hole in holes]
    assert carried(Picture(pixels, Plain()), mask, holes, fills) == [None]
    assert carried(Picture(pixels.astype(np.float32) / 255, Plain()), mask, holes, fills) == [None]


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e-6])
def test_values_above_what_is_shown_go_on_over_the_hole(scale: float) -> None:
    """A ramp from 0.8 to 2 of the shown range: more than half of it cannot be seen."""
    ramp = np.linspace(0.8, 2, 120, dtype=np.float32)[None, :, None].repeat(120, axis=0).repeat(3, axis=2)
    picture = Picture(ramp * np.float32(scale), Spanned(0, scale))
    [(found, truth)] = carry(picture, disc())
    assert np.abs(truth).max() > 0.5 * scale
    assert np.abs(found - truth).max() < 0.03 * scale


def test_it_goes_with_the_colour() -> None:
    """Bright stripes lose much, dark ones nothing: each pixel of the hole gets what its own colour lost."""
    stripes = np.where(np.arange(120) // 10 % 2, 1.5, 0.4).astype(np.float32)
    pixels = stripes[None, :, None].repeat(120, axis=0).repeat(3, axis=2)
    [(found, truth)] = carry(Picture(pixels, Plain()), disc())
    assert np.abs(found - truth).max() < 0.02


def test_it_stays_within_what_is_lost_around() -> None:
    rng = np.random.default_rng(1)
    pixels = (rng.random((120, 120, 3)) * 2).astype(np.float32)
    mask = disc()
    holes = find_holes(mask, 0)
    fills = [rng.random((hole.area, 3)).astype(np.float32) for hole in holes]
    [found] = carried(Picture(pixels, Plain()), mask, holes, fills)
    assert found is not None
    assert found.min() >= 0
    assert found.max() <= 1


def test_each_hole_has_its_own_and_other_holes_are_not_looked_at() -> None:
    pixels = np.full((120, 200, 3), 0.5, np.float32)
    pixels[:, :100] = 1.5
    mask = np.zeros((120, 200), bool)
    mask[40:60, 30:50] = mask[40:60, 150:170] = mask[40:60, 52:54] = True
    holes = find_holes(mask, 0)
    pixels[mask] = 1e9
    found = carried(Picture(pixels, Plain()), mask, holes, [np.ones((hole.area, 3), np.float32) for hole in holes])
    assert [None if f is None else round(float(f.mean()), 3) for f in found] == [0.5, 0.5, None]


def test_what_is_no_number_is_not_carried() -> None:
    pixels = np.full((120, 120, 3), 1.25, np.float32)
    pixels[::3] = np.nan
    pixels[1::9] = np.inf
    mask = disc()
    holes = find_holes(mask, 0)
    [found] = carried(Picture(pixels, Plain()), mask, holes, [np.ones((holes[0].area, 3), np.float32)])
    assert found is not None
    assert np.abs(found - 0.25).max() < 1e-3
    pixels[:] = np.nan
    assert carried(Picture(pixels, Plain()), mask, holes, [np.ones((holes[0].area, 3), np.float32)]) == [None]


def test_a_hole_larger_than_the_grid_of_the_membrane() -> None:
    y, x = np.mgrid[:700, :700].astype(np.float32) / 700
    pixels = np.stack([1 + x, 1 + y, 1 + x * y], axis=2)
    [(found, truth)] = carry(Picture(pixels, Plain()), disc(700, 300))
    assert np.abs(found - truth).max() < 0.03


def test_surroundings_lie_in_the_picture() -> None:
    own = np.ones((5, 6), bool)
    window, placed = surroundings(Hole(0, 90, 6, 5, own), (95, 100))
    assert window == (slice(90 - RING_PX, 95), slice(0, 6 + RING_PX))
    assert placed.shape == (5 + RING_PX, 6 + RING_PX)
    assert placed.sum() == 30
    assert placed[RING_PX:, :6].all()
