from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.fill import sections
from tasks.fill.colour import Plain
from tasks.fill.correction import RING, Correction, Reach, Window, corrected
from tasks.fill.fill import fill_image
from tasks.fill.holes import find_holes
from tasks.fill.picture import Picture
from tasks.fill.prediction import RING_PX, Prediction

Floats = NDArray[np.float32]


@dataclass
class Nothing:
    reach: Reach = RING

    def __call__(self, window: Window) -> Floats:
        return window.fill


@dataclass
class Red:
    reach: Reach = RING

    def __call__(self, window: Window) -> Floats:
        return np.where(window.own[:, :, None], np.array([1, 0, 0], np.float32), window.fill)


class Look:
    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self.asked: list[Window] = []

    def __call__(self, window: Window) -> Floats:
        self.asked.append(window)
        return window.fill


def _damaged() -> tuple[Floats, NDArray[np.bool_]]:
    image = np.random.default_rng(0).random((60, 70, 3)).astype(np.float32)
    image[33, 30] = np.nan
    mask = np.zeros((60, 70), bool)
    mask[20:30, 20:40] = mask[20:30, 45:50] = True
    return image, mask


def test_a_correction_sees_what_is_known_around_its_hole_and_nothing_else() -> None:
    image, mask = _damaged()
    hole = find_holes(mask, 0)[0]
    look = Look(RING)
    made = Prediction(4, 4, np.zeros((42, 52, 3), np.float32))
    assert corrected(Picture(image, Plain()), mask, [hole], [made], {"look": look})[0] == (made, ())
    window = look.asked[0]
    assert (window.y, window.x) == (4, 4)
    assert window.fill is made.values
    assert window.own.sum() == hole.area
    assert not (window.known & mask[made.box]).any()
    assert not window.known[33 - 4, 30 - 4]
    assert window.known.sum(axis=0)[30 - 4 + 2] == 2 * RING_PX
    assert (window.seen[window.known] == image[made.box][window.known]).all()
    assert not window.seen[~window.known].any()


@pytest.mark.parametrize("px", [17, 24, 500])
def test_one_that_reaches_farther_sees_the_fill_among_as_much_of_the_picture(px: int) -> None:
    image, mask = _damaged()
    hole = find_holes(mask, 0)[0]
    look = Look(Reach(0, px, px))
    made = Prediction(4, 4, np.full((42, 52, 3), 0.25, np.float32))
    assert corrected(Picture(image, Plain()), mask, [hole], [made], {"look": look})[0] == (made, ())
    window = look.asked[0]
    assert (window.y, window.x) == (max(0, 20 - px), max(0, 20 - px))
    height, width = window.own.shape
    box = slice(window.y, window.y + height), slice(window.x, window.x + width)
    assert (window.y + height, window.x + width) == (min(60, 30 + px), min(70, 40 + px))
    own = np.zeros_like(mask)
    own[20:30, 20:40] = True
    assert (window.own == own[box]).all()
    good = ~mask & np.isfinite(image).all(axis=2)
    assert not (window.known & ~good[box]).any()
    assert px < 500 or (window.known == good[box]).all()
    assert (window.seen[window.known] == image[box][window.known]).all()
    assert (window.fill[window.own] == 0.25).all()
    outside = np.ones_like(mask)
    outside[made.box] = False
    assert (window.fill[outside[box]] == window.seen[outside[box]]).all()
    assert (window.shown[window.known] == image[box][window.known]).all()
    assert (window.shown[window.own] == 0.25).all()


def test_each_sees_what_those_before_it_made_however_far_they_reach() -> None:
    image, mask = _damaged()
    hole = find_holes(mask, 0)[0]
    near, far = Look(RING), Look(Reach(0, 30, 30))
    made = Prediction(4, 4, np.zeros((42, 52, 3), np.float32))
    steps: dict[str, Correction] = {"red": Red(Reach(0, 20, 20)), "near": near, "far": far}
    prediction, names = corrected(Picture(image, Plain()), mask, [hole], [made], steps)[0]
    assert names == ("red",)
    for look in (near, far):
        assert (look.asked[0].fill[look.asked[0].own] == (1, 0, 0)).all()
    assert prediction.box == made.box
    assert (prediction.values[prediction.own(hole)] == (1, 0, 0)).all()
    assert not prediction.values[~prediction.own(hole)].any()
    assert not made.values.any()


@given(st.floats(0, 8), st.integers(0, 400), st.integers(0, 400), st.integers(1, 10**8))
def test_a_reach_is_in_proportion_within_its_limits(share: float, least: int, more: int, area: int) -> None:
    px = Reach(share, least, least + more).px(area)
    assert px >= RING_PX
    assert px == RING_PX or least <= px <= least + more
    assert RING.px(area) == RING_PX


@pytest.mark.parametrize("corrections", [{"nothing": Nothing(), "red": Red()}, {"red": Red(), "nothing": Nothing()}])
def test_the_names_of_those_that_changed_a_fill_are_told(mean_generator, corrections) -> None:
    image = np.full((60, 60, 3), (90, 90, 99), np.uint8)
    core = np.zeros((60, 60), bool)
    core[20:40, 20:40] = True
    plain = fill_image(image, core, mean_generator)
    done = fill_image(image, core, mean_generator, corrections=corrections)
    assert [hole.corrections for hole in plain.holes] == [()]
    assert [hole.corrections for hole in done.holes] == [("red",)]
    assert (done.pixels[core] == (255, 0, 0)).all()
    assert (done.pixels[~done.mask] == (90, 90, 99)).all()


def test_a_long_hole_is_corrected_in_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sees the surroundings of its own part; the fill and the names are those of the whole."""
    mask = np.zeros((300, 900), bool)
    for x in range(10, 890):
        mask[20 + x // 4 : 28 + x // 4, x] = True
    image = np.random.default_rng(0).random((300, 900, 3)).astype(np.float32)
    [hole] = find_holes(mask, 0)
    made = Prediction(0, 0, np.full((300, 900, 3), 0.25, np.float32))
    monkeypatch.setattr(sections, "LARGE_PX", 10_000)
    look = Look(Reach(0, 20, 20))
    steps: dict[str, Correction] = {"nothing": Nothing(), "red": Red(), "look": look}
    prediction, names = corrected(Picture(image, Plain()), mask, [hole], [made], steps)[0]
    assert names == ("red",)
    assert len(look.asked) > 2
    assert max(window.own.size for window in look.asked) < mask.size / 3
    for window in look.asked:
        box = slice(window.y, window.y + len(window.own)), slice(window.x, window.x + window.own.shape[1])
        assert (window.own <= mask[box]).all() and not (window.known & mask[box]).any()
        assert (window.seen[window.known] == image[box][window.known]).all()
    assert prediction.box == made.box
    assert np.abs(prediction.values[mask] - (1, 0, 0)).max() < 1e-6
    assert (made.values == 0.25).all()
