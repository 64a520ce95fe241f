import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.formats.dither import diffuse, distance, nearest

BILEVEL = np.array([[0], [255]])


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([1, 3]))
def test_nearest_is_nearest(seed: int, entries: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    wanted, colours = (rng.integers(0, 256, (n, channels)) for n in (50, entries))
    first, second = nearest(wanted, colours)
    apart = np.stack([distance(wanted, np.broadcast_to(c, wanted.shape)) for c in colours], axis=1)
    order = np.sort(apart, axis=1)
    assert np.allclose(apart[np.arange(50), first], order[:, 0], atol=1e-3)
    assert np.allclose(apart[np.arange(50), second], order[:, min(1, entries - 1)], atol=1e-3)


def test_distance_counts_green_most_and_is_in_units_of_the_values() -> None:
    black, steps = np.zeros((4, 3)), np.array([[9, 9, 9], [9, 0, 0], [0, 9, 0], [0, 0, 9]])
    grey, red, green, blue = distance(steps, black)
    assert grey == pytest.approx(9)
    assert green > blue > red


@pytest.mark.parametrize("side", [3, 6, 20, 60])
def test_the_mean_stays(side: int) -> None:
    """To half a pixel of the hole, and what the snap to the two levels takes."""
    off = []
    for value in range(0, 256, 5):
        places = np.add.outer(np.arange(side) * 100, np.arange(side)).reshape(-1) + 707
        picks = diffuse(np.full((side * side, 1), value), places, 100, BILEVEL)
        off.append(255 * picks.mean() - value)
    assert np.abs(off).max() <= 8 + 255 / side**2
    assert abs(np.mean(off)) < 2


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(2, 40))
def test_any_set_of_pixels_keeps_its_mean_within_the_palette(seed: int, entries: int) -> None:
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 256, (entries, 3))
    share = rng.random(2)
    y, x = np.nonzero(rng.random((48, 60)) < 0.9)
    # Between two neighbouring entries, so that the palette can show all that is wanted.
    ends = colours[[0, nearest(colours[:1], colours)[1][0]]]
    wanted = ends[0] + ((x / 60 * share[0] + y / 60 * share[1]) / 2)[:, None] * (ends[1] - ends[0])
    picks = diffuse(wanted, y * 60 + x, 60, colours)
    assert np.abs(colours[picks].mean(axis=0) - wanted.mean(axis=0)).max() < 9


def test_gradients_do_not_band() -> None:
    """Every block of a gradient has the mean that it should have; the nearest level alone has not."""
    gradient = np.tile(np.linspace(20, 235, 256), (64, 1))
    levels = np.arange(0, 256, 85)[:, None]
    wanted = gradient.reshape(-1, 1)

    def off(picks: np.ndarray) -> float:
        shown = levels[picks, 0].reshape(64, 256) - gradient
        return float(np.abs(shown.reshape(4, 16, 16, 16).mean(axis=(1, 3))).max())

    assert off(diffuse(wanted, np.arange(wanted.size), 256, levels)) < 6
    assert off(nearest(wanted, levels)[0]) > 35


def test_almost_white_stays_clean_and_exact_colours_stay() -> None:
    rng = np.random.default_rng(0)
    white = rng.integers(248, 256, (900, 1))
    assert (diffuse(white, np.arange(900), 30, BILEVEL) == 1).all()
    colours = rng.integers(0, 256, (50, 3))
    wanted = colours[rng.integers(0, 50, 900)]
    assert np.array_equal(colours[diffuse(wanted, np.arange(900), 30, colours)], wanted)


def test_colours_that_the_palette_cannot_show_do_not_smear() -> None:
    """Black, where the darkest is 64, above a mid grey: that has to be mid grey from its second row on."""
    wanted = np.zeros((900, 1))
    wanted[450:] = 130
    greys = np.arange(64, 256, 8)[:, None]
    picks = diffuse(wanted, np.arange(900), 30, greys)
    assert (greys[picks[:450]] == 64).all()
    assert abs(greys[picks[480:], 0].mean() - 130) < 1


def test_a_full_snap_is_the_nearest() -> None:
    rng = np.random.default_rng(0)
    wanted, colours = rng.integers(0, 256, (900, 3)), rng.integers(0, 256, (9, 3))
    assert np.array_equal(diffuse(wanted, np.arange(900), 30, colours, 0.5), nearest(wanted, colours)[0])


def test_far_parts_do_not_touch_each_other() -> None:
    """Independent of what else is filled: errors stay within connected pixels, also across the left and right border."""
    rng = np.random.default_rng(0)
    one, two = np.arange(0, 300, 30), np.arange(29, 300, 30)  # the first and the last column
    wanted = rng.integers(0, 256, (20, 1))
    both = np.sort(np.concatenate([one, two]))
    together = diffuse(wanted, both, 30, BILEVEL)
    assert np.array_equal(together[np.isin(both, one)], diffuse(wanted[np.isin(both, one)], one, 30, BILEVEL))


def test_one_colour_is_taken() -> None:
    assert (diffuse(np.full((9, 3), 77), np.arange(9), 3, np.zeros((1, 3))) == 0).all()
