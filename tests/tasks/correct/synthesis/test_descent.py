import numpy as np
import pytest
import torch

from tasks.correct.synthesis.descent import descended


def _quadratic(seed: int):
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(12, 12, generator=generator, dtype=torch.float64)
    matrix, least = root @ root.T + 0.05 * torch.eye(12, dtype=torch.float64), torch.randn(12, generator=generator)
    return (lambda w: 0.5 * (w - least) @ matrix @ (w - least)), least.double()


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_the_minimum_of_a_quadratic_and_never_goes_up(seed: int) -> None:
    energy, least = _quadratic(seed)
    found, energies = descended(energy, torch.zeros(12, dtype=torch.float64), 300, 0)
    assert (np.diff(energies) < 0).all()
    assert energies[-1] == pytest.approx(float(energy(found)))
    assert energies[-1] < 1e-4 * energies[0]
    assert torch.allclose(found, least, atol=0.1)


def test_a_curved_valley_is_followed_down() -> None:
    def valley(w):
        return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2

    _, energies = descended(valley, torch.tensor([-1.2, 1.0], dtype=torch.float64), 500, 0)
    assert (np.diff(energies) < 0).all()
    assert energies[-1] < 1e-3


def test_it_ends_at_a_minimum_after_so_many_steps_and_when_little_is_gained() -> None:
    energy, least = _quadratic(0)
    assert len(descended(energy, least, 50, 0)[1]) == 1
    assert len(descended(energy, torch.zeros(12, dtype=torch.float64), 3, 0)[1]) == 4
    start = torch.zeros(12, dtype=torch.float64)
    assert len(descended(energy, start, 200, 0.5)[1]) < len(descended(energy, start, 200, 1e-6)[1])


def test_the_start_is_not_changed_and_gradients_may_be_off() -> None:
    energy, _ = _quadratic(1)
    start = torch.ones(12, dtype=torch.float64)
    with torch.no_grad():
        found, energies = descended(energy, start, 5, 0)
    assert (start == 1).all()
    assert len(energies) > 1
    assert not found.requires_grad
