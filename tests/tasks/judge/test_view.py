import numpy as np
import pytest

from tasks.fill.colour import Plain
from tasks.fill.picture import Picture
from tasks.fill.prediction import Prediction
from tasks.judge.scene import REACH_PX, scene_of
from tasks.judge.view import view_of


def _fill(damaged, value: float) -> Prediction:
    hole = damaged.hole
    return Prediction(hole.x - 2, hole.y - 3, np.full((hole.h + 5, hole.w + 7, 3), value, np.float32))


def test_the_measures_see_what_they_would_see_of_the_filled_picture(damaged) -> None:
    view = view_of(damaged.picture, damaged.mask, damaged.hole)
    filled = damaged.truth / np.float32(255)
    filled[damaged.mask] = 0.25
    mine, theirs = view.scene(_fill(damaged, 0.25)), scene_of(Picture(filled, Plain()), damaged.mask, damaged.hole)
    assert (mine.area, mine.depth_px) == (theirs.area, theirs.depth_px)
    for name in ("own", "known", "seen"):
        np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), atol=1e-6)


def test_what_lies_under_the_mask_is_never_seen(damaged) -> None:
    other = Picture(np.where(damaged.mask[:, :, None], np.uint8(200), damaged.picture.pixels), Plain())
    views = [view_of(picture, damaged.mask, damaged.hole) for picture in (damaged.picture, other)]
    assert (views[0].seen == views[1].seen).all()
    assert (views[0].seen[views[0].own] == 0).all()
    assert (views[0].y, views[0].x) == (damaged.hole.y - REACH_PX, damaged.hole.x - REACH_PX)


def test_what_is_no_number_is_not_known(damaged) -> None:
    values = damaged.picture.pixels / np.float32(255)
    y, x = damaged.hole.y - 5, damaged.hole.x - 5
    values[y, x] = np.nan
    view = view_of(Picture(values, Plain()), damaged.mask, damaged.hole)
    assert not view.known[y - view.y, x - view.x]
    assert np.isfinite(view.shown(_fill(damaged, 0.5))).all()


def test_change_is_the_root_of_the_mean_square(damaged) -> None:
    view = view_of(damaged.picture, damaged.mask, damaged.hole)
    one, other = _fill(damaged, 0.25), _fill(damaged, 0.5)
    other.values[:, :, 1] = 0.25
    assert view.change(one, other) == pytest.approx(0.25 * (2 / 3) ** 0.5, rel=1e-5)
    assert view.change(one, one) == 0
