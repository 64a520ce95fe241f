import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.fill.colour import Plain
from tasks.fill.correction import corrected
from tasks.fill.fill import fill_image
from tasks.fill.holes import find_holes
from tasks.fill.picture import Picture
from tasks.fill.prediction import RING_PX, Prediction

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def _nothing(fill: Floats, seen: Floats, known: Bools, own: Bools) -> Floats:
    return fill


def _red(fill: Floats, seen: Floats, known: Bools, own: Bools) -> Floats:
    return np.where(own[:, :, None], np.array([1, 0, 0], np.float32), fill)


def test_a_correction_sees_what_is_known_around_its_hole_and_nothing_else() -> None:
    image = np.random.default_rng(0).random((60, 70, 3)).astype(np.float32)
    image[33, 30] = np.nan
    mask = np.zeros((60, 70), bool)
    mask[20:30, 20:40] = mask[20:30, 45:50] = True
    hole = find_holes(mask, 0)[0]
    asked = []

    def look(fill: Floats, seen: Floats, known: Bools, own: Bools) -> Floats:
        asked.append((seen, known, own))
        return fill

    made = Prediction(4, 4, np.zeros((42, 52, 3), np.float32))
    assert corrected(Picture(image, Plain()), mask, [hole], [made], {"look": look})[0] == (made, ())
    seen, known, own = asked[0]
    assert own.sum() == hole.area
    assert not (known & mask[made.box]).any()
    assert not known[33 - 4, 30 - 4]
    assert known.sum(axis=0)[30 - 4 + 2] == 2 * RING_PX
    assert (seen[known] == image[made.box][known]).all()
    assert not seen[~known].any()


@pytest.mark.parametrize("corrections", [{"nothing": _nothing, "red": _red}, {"red": _red, "nothing": _nothing}])
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
