import numpy as np

from tasks.fill.colour import Plain
from tasks.fill.holes import find_holes
from tasks.fill.picture import Picture
from tasks.fill.prediction import RING_PX
from tasks.fill.settings import FillSettings
from tasks.fill.whole import run, suits


def _hole(shape: tuple[int, int], size: int) -> tuple[np.ndarray, list]:
    mask = np.zeros(shape, bool)
    mask[5 : 5 + size, 5 : 5 + size] = True
    return mask, find_holes(mask, 0)


def test_suits_small_images_with_large_holes() -> None:
    policy = FillSettings()
    assert suits(_hole((300, 300), 200)[1][0], (300, 300), policy)
    assert not suits(_hole((300, 300), 20)[1][0], (300, 300), policy)
    assert not suits(_hole((2000, 3000), 900)[1][0], (2000, 3000), policy)


def test_one_forward_for_all_holes_at_the_size_the_generator_is_good_at(mean_generator) -> None:
    mask, holes = _hole((600, 1000), 30)
    image = np.random.default_rng(0).integers(0, 255, (600, 1000, 3), dtype=np.uint8)
    fills = run(Picture(image, Plain()), mask, holes, mean_generator, FillSettings())
    assert mean_generator.shapes == [(307, 512, 3)]
    assert fills[0].values.shape == (5 + 30 + RING_PX, 5 + 30 + RING_PX, 3)
