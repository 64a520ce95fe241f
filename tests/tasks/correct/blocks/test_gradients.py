import numpy as np
import pytest

from tasks.correct.blocks.gradients import joined

BOX = slice(11, 49), slice(11, 59)


def _hole() -> np.ndarray:
    own = np.zeros((100, 120), bool)
    own[12:48, 12:58] = True
    return own


def test_without_offsets_the_guide_stays() -> None:
    picture = np.random.default_rng(0).random((100, 120, 3), dtype=np.float32)
    own = _hole()
    found = joined(picture, np.zeros((100, 120, 2), np.int64), own, np.ones_like(own), 10, BOX)
    assert np.abs(found - picture).max() < 1e-6


@pytest.mark.parametrize("real_edge", [False, True])
def test_it_solves_the_equations_of_the_minimum(real_edge: bool) -> None:
    rng = np.random.default_rng(1)
    picture, own = rng.random((100, 120, 3), dtype=np.float32), _hole()
    offsets = np.zeros((100, 120, 2), np.int64)
    offsets[10:50, 10:35], offsets[10:50, 35:60] = (45, 3), (40, 50)
    real = np.ones_like(own)
    if real_edge:
        real[:12] = False
    w = joined(picture, offsets, own, real, 6, BOX)
    assert (w[~own] == picture[~own]).all()

    def energy(w: np.ndarray) -> float:
        total = ((w - picture)[own].astype(float) ** 2).sum() / 36
        y, x = np.nonzero(np.ones((38, 48)))
        y, x = y + 11, x + 11
        for dy, dx in ((0, 1), (1, 0)):
            ny, nx = y + dy, x + dx
            use = (own[y, x] | own[ny, nx]) & real[y, x] & real[ny, nx]
            a, b, c, d = y[use], x[use], ny[use], nx[use]
            g = 0
            for o in (offsets[a, b], offsets[c, d]):
                g = g + picture[c + o[:, 0], d + o[:, 1]] - picture[a + o[:, 0], b + o[:, 1]]
            total += ((w[c, d] - w[a, b] - g / 2).astype(float) ** 2).sum()
        return total

    least = energy(w)
    assert least < 0.7 * energy(picture)
    for seed in range(4):
        noise = np.random.default_rng(seed).normal(size=w.shape) * own[:, :, None]
        for size in (-0.01, 0.01):
            assert energy(w + size * noise) > least
    for shift in (-0.005, 0.005):
        assert energy(w + shift * own[:, :, None]) > least


def test_one_source_through_the_hole_is_shown_whole_but_for_coarse_colours() -> None:
    rng = np.random.default_rng(2)
    picture, own = rng.random((100, 120, 3), dtype=np.float32), _hole()
    truth = picture[own].copy()
    picture[own] = 0.5
    picture[52:88, 62:108] = truth.reshape(36, 46, 3)
    offsets = np.zeros((100, 120, 2), np.int64)
    offsets[11:49, 11:59] = (40, 50)
    inner = np.zeros_like(own)
    inner[20:40, 20:50] = True
    found = joined(picture, offsets, own, np.ones_like(own), 8, BOX)
    right = picture[60:80, 70:100].reshape(-1, 3)
    assert np.corrcoef(found[inner].ravel(), right.ravel())[0, 1] > 0.98
    assert found[inner].mean() == pytest.approx(0.5, abs=0.02)
