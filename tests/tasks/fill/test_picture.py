import numpy as np
import pytest

from tasks.fill.colour import Plain, Spanned
from tasks.fill.picture import Picture, plain_picture


@pytest.mark.parametrize(("dtype", "levels"), [(np.uint8, 256), (np.uint16, 65536), (np.float32, None)])
def test_levels_say_how_fine_a_picture_is(dtype: type, levels: int | None) -> None:
    picture = Picture(np.zeros((3, 4, 3), dtype), Plain())
    assert picture.levels == levels
    assert picture.exact == (levels is not None)
    assert (picture.missing((slice(0, 2), slice(0, 3))) is None) == (levels is not None)


def test_a_converted_picture_is_not_exact() -> None:
    assert not Picture(np.zeros((3, 4, 3), np.uint8), Spanned(0, 1)).exact


def test_what_is_no_number_is_missing() -> None:
    pixels = np.zeros((2, 3, 3), np.float32)
    pixels[0, 0, 1], pixels[1, 1, 0], pixels[1, 2, 2] = np.nan, np.inf, -3.4e38
    missing = Picture(pixels, Plain()).missing((slice(0, 2), slice(0, 3)))
    assert missing is not None
    assert missing.tolist() == [[True, False, False], [False, True, True]]


def test_only_known_floats_decide_how_a_picture_is_shown() -> None:
    pixels = np.random.default_rng(0).random((50, 60, 1)).astype(np.float32)
    hole = np.zeros((50, 60), bool)
    hole[10:20, 10:30] = True
    pixels[hole] = -9999
    assert isinstance(plain_picture(pixels, hole).colour, Plain)
    assert isinstance(plain_picture(pixels, np.zeros_like(hole)).colour, Spanned)


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 2), (5, 6, 4)])
def test_channels_that_nobody_explains_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="1 or 3"):
        plain_picture(np.zeros(shape, np.uint8), np.zeros((5, 6), bool))


def test_a_large_picture_is_sampled() -> None:
    pixels = np.random.default_rng(0).normal(300, 20, (1500, 1600, 1)).astype(np.float32)
    colour = plain_picture(pixels, np.zeros((1500, 1600), bool)).colour
    assert isinstance(colour, Spanned)
    assert abs(colour.low - np.percentile(pixels, 0.1)) < 2
    assert abs(colour.high - np.percentile(pixels, 99.9)) < 2
