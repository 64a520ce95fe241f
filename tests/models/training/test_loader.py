from __future__ import annotations

import threading

import numpy as np
import pytest

from models.training.loader import Loader


def draw(rng):
    return rng.random((1, 3, 2, 2)).astype(np.float32), rng.random((1, 1, 2, 2)).astype(np.float32)


def rng(step):
    return np.random.default_rng(step)


def test_threads_change_nothing_that_is_drawn():
    plain, ahead = Loader(draw, rng, 0), Loader(draw, rng, 2)
    for step in (0, 1, 2, 3, 9, 3, 3):  # also after a jump
        one, two = plain(step), ahead(step)
        assert all(np.array_equal(a, b) for a, b in zip(one[:2], two[:2], strict=True))
        assert one[2].random() == two[2].random()
    ahead.close()
    plain.close()


def test_batches_are_drawn_ahead_and_the_threads_end():
    seen = set()

    def counted(step):
        seen.add(step)
        return rng(step)

    loader = Loader(draw, counted, 2)
    before = threading.active_count()
    loader(5)
    loader.close()
    assert 5 in seen and seen <= {5, 6, 7, 8, 9} and threading.active_count() <= before


def test_what_goes_wrong_is_told_by_the_step_that_asks():
    def broken(_rng):
        raise ValueError("no photos")

    for threads in (0, 1):
        loader = Loader(broken, rng, threads)
        with pytest.raises(ValueError, match="no photos"):
            loader(0)
        loader.close()
