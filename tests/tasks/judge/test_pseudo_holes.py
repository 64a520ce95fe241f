import numpy as np
import pytest

from tasks.fill.colour import Plain
from tasks.fill.holes import Hole, find_holes
from tasks.fill.picture import Picture
from tasks.fill.prediction import Prediction
from tasks.judge.pseudo_holes import APART_PX, LEAST_SHARE, PIECE_PX, pseudo_holes
from tests.tasks.judge.conftest import blob, tiles


def _fill(hole: Hole, colour: float = 0.5) -> Prediction:
    return Prediction(hole.x, hole.y, np.full((hole.h, hole.w, 3), colour, np.float32))


def test_the_shape_lies_over_known_pixels_apart_from_the_hole_and_from_each_other(damaged) -> None:
    found = pseudo_holes(damaged.picture, damaged.mask, damaged.hole, _fill(damaged.hole), 3)
    assert len(found) >= 2
    for each in found:
        new = np.zeros_like(each.mask)
        new[each.hole.box] = each.hole.own
        assert each.hole.area >= LEAST_SHARE * damaged.hole.area
        assert each.hole.area == np.count_nonzero(new) and not (new & ~each.mask).any()
        old = each.mask & ~new
        y, x = np.nonzero(new)
        oy, ox = np.nonzero(old)
        if oy.size:
            assert np.maximum(np.abs(y[:, None] - oy), np.abs(x[:, None] - ox)).min() > APART_PX
    full = [each for each in found if each.hole.area == damaged.hole.area]
    assert full and all((each.hole.own == damaged.hole.own).all() for each in full)


def test_the_truth_is_what_is_there(damaged) -> None:
    for each in pseudo_holes(damaged.picture, damaged.mask, damaged.hole, _fill(damaged.hole), 2):
        own = each.hole.own
        seen = each.picture.pixels[each.hole.box][own] / np.float32(255)
        np.testing.assert_array_equal(each.truth[each.hole.box][own], seen)
        assert (seen > 0).all()  # what is under the mask of the picture is black


def test_it_depends_on_nothing_under_the_mask_and_changes_nothing(damaged) -> None:
    before, mask = damaged.picture.pixels.copy(), damaged.mask.copy()
    other = Picture(np.where(damaged.mask[:, :, None], np.uint8(250), before), Plain())
    one, two = (pseudo_holes(p, damaged.mask, damaged.hole, _fill(damaged.hole), 2) for p in (damaged.picture, other))
    assert [(e.hole.x, e.hole.y) for e in one] == [(e.hole.x, e.hole.y) for e in two]
    assert (damaged.picture.pixels == before).all() and (damaged.mask == mask).all()


def test_it_lies_where_colours_are_like_those_of_the_fill() -> None:
    pixels = np.full((100, 300, 3), 60, np.uint8)
    pixels[:, 150:] = 200
    mask = blob((100, 300), 50, 150, 14)
    (hole,) = find_holes(mask, 0)
    for colour, right in ((60, False), (200, True)):
        each = pseudo_holes(Picture(pixels, Plain()), mask, hole, _fill(hole, colour / 255), 1)[0]
        assert (each.truth[each.hole.box][each.hole.own] > 0.5).all() == right


def test_without_room_there_is_none() -> None:
    mask = np.ones((80, 80), bool)
    mask[:, :6] = False
    (hole,) = find_holes(mask, 0)
    assert pseudo_holes(Picture(tiles(80, 80), Plain()), mask, hole, _fill(hole), 2) == []


@pytest.mark.parametrize("side", [PIECE_PX + 40, 3 * PIECE_PX])
def test_of_a_large_hole_a_piece_is_laid(side) -> None:
    mask = np.zeros((side + 20, side + 320), bool)
    mask[10 : 10 + side, 10 : 10 + side] = True
    (hole,) = find_holes(mask, 0)
    each = pseudo_holes(Picture(tiles(*mask.shape), Plain()), mask, hole, _fill(hole), 1)[0]
    assert max(each.hole.w, each.hole.h) <= PIECE_PX
    assert each.hole.area >= LEAST_SHARE * PIECE_PX**2
