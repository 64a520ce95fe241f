import cv2
import numpy as np
import pytest

from tasks.correct.energy import Energy
from tasks.correct.frontier import inside_px
from tasks.correct.settings import WEIGHTS, ColourTransferSettings
from tasks.correct.transport import slices

SHIFT = np.float32([0.08, -0.04, 0.05])


def _energy(weights: ColourTransferSettings, seed: int = 0, meet: bool = True) -> tuple[Energy, np.ndarray]:
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(size=(60, 70, 3)), (0, 0), 1.5)
    truth = np.clip(0.5 + 0.3 * noise, 0.1, 0.9).astype(np.float32)
    own = np.zeros((60, 70), bool)
    own[8:52, 8:62] = True
    u = truth + SHIFT * own[:, :, None]
    sample = np.sort(rng.permutation(int(own.sum()))[:1500])
    directions = slices(16, seed)
    frontier = np.exp(-inside_px(~own) / 6)
    return Energy(u, truth if meet else u, own, frontier, sample, truth[own][sample], directions, weights), truth


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("seed", range(3))
def test_the_energy_decreases_at_each_accepted_step(name: str, seed: int) -> None:
    energy, _ = _energy(ColourTransferSettings().weighted(name), seed)
    found, energies = energy.descended()
    assert len(energies) > 1
    assert (np.diff(energies) < 0).all()
    assert energies[0] == pytest.approx(energy(energy.u))
    assert energies[-1] == pytest.approx(energy(found))
    assert (found[~energy.own] == energy.u[~energy.own]).all()


@pytest.mark.parametrize("boundary", [0, 0.5])
def test_a_known_shift_is_undone(boundary: float) -> None:
    weights = ColourTransferSettings(boundary=boundary, structure=0)
    energy, truth = _energy(weights, meet=boundary > 0)
    found, _ = energy.descended()
    left = (found - truth)[energy.own].mean(axis=0)
    assert np.linalg.norm(left) < 0.1 * np.linalg.norm(SHIFT)
    assert np.abs(found - truth)[energy.own].mean() < 0.25 * np.abs(SHIFT).mean()


def test_an_affine_change_of_colours_is_undone() -> None:
    energy, truth = _energy(ColourTransferSettings(boundary=0, structure=0, fidelity=0.001, iterations=40), meet=False)
    own = energy.own
    change = np.array([[0.75, 0.1, 0], [0.05, 0.8, 0], [0, 0.1, 0.7]], np.float32)
    u = np.where(own[:, :, None], (truth - 0.5) @ change.T + np.float32([0.55, 0.46, 0.52]), truth).astype(np.float32)
    changed = Energy(
        u, u, own, energy.frontier, energy.sample, truth[own][energy.sample], energy.directions, energy.weights
    )
    found, _ = changed.descended()
    for moment in (np.mean, np.std):
        before, after = (np.abs(moment(v[own], axis=0) - moment(truth[own], axis=0)).max() for v in (u, found))
        assert after < 0.25 * before


def test_without_a_reference_only_the_frontier_pulls() -> None:
    energy, truth = _energy(ColourTransferSettings(structure=0, fidelity=0.2))
    alone = Energy(
        energy.u,
        energy.f,
        energy.own,
        energy.frontier,
        np.zeros(0, np.int64),
        np.zeros((0, 3), np.float32),
        energy.directions,
        energy.weights,
    )
    left = np.abs(alone.descended()[0] - truth).mean(axis=2)
    assert left[9, 9] < 0.6 * left[30, 35]
    assert left[30, 35] > 0.8 * np.abs(SHIFT).mean()


def test_variation_makes_it_plainer() -> None:
    plain, busy = (_energy(ColourTransferSettings(transport=0.1, variation=v))[0] for v in (0.1, 0))
    changes = [np.abs(np.diff(e.descended()[0], axis=0))[10:50, 10:60].mean() for e in (plain, busy)]
    assert changes[0] < 0.7 * changes[1]
