import numpy as np
import pytest

from tasks.judge.coherence import coherence, matches
from tasks.judge.scene import scene


def test_what_is_nowhere_else_is_less_coherent(whole, changed) -> None:
    noise = np.random.default_rng(1).normal(0, 0.12, whole.seen.shape)
    truth, slight, strong = (
        matches(changed(lambda fill, share=share: fill + share * noise)).hole for share in (0, 0.4, 1)
    )
    assert truth < slight < strong
    assert coherence(changed(lambda fill: fill + noise)) < coherence(whole)


def test_tiles_of_something_foreign_are_less_coherent(whole, changed) -> None:
    rows, columns = np.mgrid[:160, :160]
    tiles = (((rows // 4) + (columns // 4)) % 2)[:, :, None] * np.array([0.9, 0.2, 0.7])
    assert coherence(changed(lambda fill: 0.5 * fill + 0.5 * tiles)) < coherence(whole)


def test_the_same_texture_is_coherent() -> None:
    tile = np.random.default_rng(3).random((8, 8, 3)).astype(np.float32)
    own = np.zeros((96, 96), dtype=bool)
    own[32:64, 32:64] = True
    assert coherence(scene(np.tile(tile, (12, 12, 1)), own)) == pytest.approx(0.5, abs=0.02)


def test_between_0_and_1(whole) -> None:
    assert 0 < coherence(whole) < 1


def test_the_same_again(whole) -> None:
    assert matches(whole) == matches(scene(whole.seen.copy(), whole.own.copy()))


@pytest.mark.parametrize("side", [3, 6])
def test_too_small_for_a_patch(side: int) -> None:
    assert np.isnan(coherence(scene(np.zeros((side, side, 3), np.float32), np.eye(side, dtype=bool))))
