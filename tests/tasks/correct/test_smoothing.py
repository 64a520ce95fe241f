import numpy as np
import pytest

from tasks.correct.smoothing import guided, planar


def _planes(seed: int, shape: tuple[int, ...] = (30, 40, 3)) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def _own() -> np.ndarray:
    own = np.zeros((30, 40), bool)
    own[5:25, 8:33] = True
    own[12:16, 15:20] = False
    return own


def test_what_is_outside_does_not_count() -> None:
    own, values, guide = _own(), _planes(0), _planes(1)
    other = np.where(own[:, :, None], values, _planes(2))
    found = guided(values, guide, own, 4, 0.05)
    assert (found == guided(other, guide, own, 4, 0.05)).all()
    assert not found[~own].any()


def test_constants_and_what_follows_the_guide_stay_and_noise_goes() -> None:
    own, guide = _own(), _planes(1)
    constant = np.full_like(guide, 0.3)
    assert np.abs(guided(constant, guide, own, 4, 0.05) - constant)[own].max() < 1e-5
    assert np.abs(guided(0.2 + 0.5 * guide, guide, own, 4, 0.001) - (0.2 + 0.5 * guide))[own].max() < 1e-3
    assert guided(_planes(3) - np.float32(0.5), constant, own, 6, 0.05)[own].std() < 0.06


def test_it_is_symmetric_and_never_turns_a_field_round() -> None:
    own, guide = _own(), _planes(4)
    for seed in range(6):
        a, b = (_planes(n, guide.shape) - np.float32(0.5) for n in (seed, seed + 50))
        a[~own] = b[~own] = 0
        assert (a * guided(a, guide, own, 3, 0.1)).sum() > 0


@pytest.mark.parametrize("sigma", [2.0, 6.0])
def test_planes_are_reproduced_up_to_the_edge_of_what_counts(sigma: float) -> None:
    y, x = np.mgrid[:70, :90].astype(np.float32)
    plane = np.dstack([0.2 + 0.005 * x, 0.5 - 0.003 * y + 0.001 * x]).astype(np.float32)
    where = np.hypot(y - 35, x - 45) > 20
    found = planar(np.where(where[:, :, None], plane, 7).astype(np.float32), where, sigma)
    assert np.abs(found - plane)[where].max() < 2e-3


def test_planar_means_are_smoother_than_noise_and_of_its_level() -> None:
    noise = np.random.default_rng(0).normal(0.5, 0.1, (80, 80, 1)).astype(np.float32)
    found = planar(noise, np.ones((80, 80), bool), 4.0)
    assert found.std() < 0.2 * noise.std()
    assert found.mean() == pytest.approx(0.5, abs=0.01)
    assert np.isfinite(planar(noise, np.zeros((80, 80), bool), 4.0)).all()
