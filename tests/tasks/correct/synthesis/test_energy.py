import cv2
import numpy as np
import pytest
import torch

from tasks.correct.settings import TextureSettings
from tasks.correct.synthesis.descent import descended
from tasks.correct.synthesis.energy import TextureEnergy, energy_of
from tasks.fill.correction import Window

ALONE = {"guide": 0.0, "border": 0.0}


def _texture(seed: int = 0, shape: tuple[int, int] = (110, 130)) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(*shape, 3)), (0, 0), 1.2)
    noise = np.sign(noise) * np.abs(noise) ** 0.5
    return np.clip(0.5 + 0.12 * noise / noise.std(), 0, 1).astype(np.float32)


def _window(blur: float = 3) -> Window:
    truth, own = _texture(), np.zeros((110, 130), bool)
    own[37:77, 42:92] = True
    fill = np.where(own[:, :, None], cv2.GaussianBlur(truth, (0, 0), blur), truth) if blur else truth
    return Window(fill.astype(np.float32), np.where(own[:, :, None], 0, truth).astype(np.float32), ~own, own)


def _energy(**changed: object) -> TextureEnergy:
    found = energy_of(_window(), TextureSettings(exemplar="ring", **changed))
    assert found is not None
    return found


def _shaken(energy: TextureEnergy) -> torch.Tensor:
    return energy.fill + 0.02 * torch.randn(energy.fill.shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("changed", [{}, {"statistic": "gram"}, {"network": "generator"}, {"spectrum": 1.0}])
def test_it_decreases_and_its_statistics_come_much_closer(changed: dict[str, object]) -> None:
    energy = _energy(**changed)
    found, energies = descended(energy, _shaken(energy), 25, 0)
    assert (np.diff(energies) < 0).all()
    assert energies[-1] < 0.3 * energies[0]
    assert float(energy.unlikeness(found)) < 0.25 * float(energy.unlikeness(energy.fill))


def test_what_is_outside_of_the_hole_does_not_count() -> None:
    energy = _energy()
    w = _shaken(energy)
    other = torch.where(energy.own, w, torch.rand(w.shape, generator=torch.Generator().manual_seed(2)))
    assert float(energy(w)) == float(energy(other))
    variable = w.clone().requires_grad_(True)
    energy(variable).backward()
    assert variable.grad is not None
    assert not variable.grad[:, ~energy.own].any()
    assert variable.grad[:, energy.own].any()


def test_the_guide_holds_coarse_colours_and_lets_fine_ones_go() -> None:
    plain, guided = _energy(**ALONE), _energy(guide=1.0, border=0.0)
    board = torch.from_numpy((np.indices(plain.own.shape).sum(axis=0) % 2 - 0.5).astype(np.float32))
    added = [float(guided(plain.fill + 0.05 * v) - plain(plain.fill + 0.05 * v)) for v in (torch.ones(()), board)]
    assert added[0] > 0.05
    assert added[1] < 0.01 * added[0]
    assert float(guided(guided.fill)) == pytest.approx(float(plain(plain.fill)))


def test_the_border_counts_steps_at_the_frontier_alone() -> None:
    plain, bordered = _energy(**ALONE), _energy(guide=0.0, border=1.0)
    inner = torch.zeros_like(plain.fill)
    y, x = (int(v) for v in torch.nonzero(plain.own).float().mean(dim=0))
    inner[:, y - 3 : y + 3, x - 3 : x + 3] = 0.3
    shift = 0.2 * torch.ones_like(plain.fill)
    base, far, near = (float(bordered(plain.fill + v) - plain(plain.fill + v)) for v in (0 * inner, inner, shift))
    assert far == pytest.approx(base, rel=1e-3)
    assert near > base + 0.5


def test_two_halves_of_one_texture_are_usually_alike() -> None:
    energy = _energy()
    assert energy.usual < 0.3 * float(energy.unlikeness(energy.fill))
    whole = energy_of(_window(blur=0), TextureSettings(exemplar="ring"))
    assert whole is not None
    assert float(whole.unlikeness(whole.fill)) < 0.1 * float(energy.unlikeness(energy.fill))


def test_without_an_exemplar_or_with_hardly_a_hole_there_is_none() -> None:
    window = _window()
    nothing = np.zeros_like(window.known)
    assert energy_of(Window(window.fill, 0 * window.seen, nothing, window.own), TextureSettings()) is None
    small = nothing.copy()
    small[50:54, 50:54] = True
    assert energy_of(Window(window.fill, window.fill, ~small, small), TextureSettings(exemplar="ring")) is None
