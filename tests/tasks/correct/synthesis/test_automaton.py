import numpy as np
import pytest
import torch
from torch import Tensor

from tasks.correct.settings import TextureSettings
from tasks.correct.synthesis import automaton
from tasks.correct.synthesis.automaton import CHANNELS, Rule, grown
from tasks.correct.texture import Texture
from tasks.fill.correction import Window

OWN = torch.zeros(24, 28, dtype=torch.bool)
OWN[6:18, 8:20] = True


def start(seed: int = 0) -> Tensor:
    return torch.rand(3, 24, 28, generator=torch.Generator().manual_seed(seed)) * 0.2 + 0.4


def lively(w: Tensor) -> Tensor:
    """An energy that is small where the hole is bright, with contrast from column to column."""
    hole = w[:, 6:18, 8:20]
    return (hole.mean() - 0.65).square() + ((hole[:, :, 1:] - hole[:, :, :-1]).std() - 0.2).square()


def test_the_rule_has_as_many_weights_as_it_says() -> None:
    rule = Rule(torch.Generator().manual_seed(0))
    assert sum(weight.numel() for weight in rule.weights) == 5868


def test_perception_is_the_papers_filters() -> None:
    y, x = torch.meshgrid(torch.arange(9.0), torch.arange(11.0), indexing="ij")
    state = torch.stack([x, y, x**2 + y**2])[None]
    found = automaton._perceived(state)[0, :, 1:-1, 1:-1]
    inner = state[0, :, 1:-1, 1:-1]
    assert torch.equal(found[:3], inner)
    assert torch.allclose(found[3], torch.ones(7, 9)) and torch.allclose(found[4], torch.zeros(7, 9))
    assert torch.allclose(found[6], torch.zeros(7, 9)) and torch.allclose(found[7], torch.ones(7, 9))
    assert torch.allclose(found[9:11], torch.zeros(2, 7, 9), atol=1e-5)  # a plane has no Laplacian
    # of x² + y²: (4 · 2 · 2 + 4 · 2) / 8 by its weights 1 at the corners and 2 beside
    assert torch.allclose(found[11], torch.full((7, 9), 2.0))


def test_an_untrained_rule_changes_nothing_and_a_sleeping_cell_never_does() -> None:
    rule = Rule(torch.Generator().manual_seed(0))
    state = torch.randn(1, CHANNELS, 8, 9)
    assert torch.equal(rule(state, torch.ones(1, 1, 8, 9)), state)
    with torch.no_grad():
        rule.weights[2] += 0.1
        awake = (torch.rand(1, 1, 8, 9) < 0.5).float()
        changed = (rule(state, awake) != state).any(dim=1, keepdim=True)
    assert not changed[awake == 0].any() and changed[awake == 1].any()


def test_it_grows_towards_less_energy_and_only_in_the_hole() -> None:
    found, energies = grown(lively, start(), OWN, 60, 3)
    assert float(lively(found)) == pytest.approx(energies[-1])
    assert energies[-1] < 0.7 * float(lively(start()))
    assert torch.allclose(found[:, ~OWN], start()[:, ~OWN], atol=1e-6)
    assert len(energies) == 61


def test_the_seed_decides() -> None:
    first, second, other = (grown(lively, start(), OWN, 6, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_computed_twice_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    held, _ = grown(lively, start(), OWN, 4, 0)
    monkeypatch.setattr(automaton, "_HELD", 0)
    again, _ = grown(lively, start(), OWN, 4, 0)
    assert torch.allclose(held, again, atol=1e-5)


def test_what_does_not_get_better_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    found, energies = grown(lambda w: (w - start())[:, OWN].square().mean() + 1, start(), OWN, 3, 0)
    assert torch.equal(found, start()) and energies[-1] == 1.0


def test_as_the_method_of_the_correction() -> None:
    y, x = np.mgrid[:96, :96]
    picture = np.repeat((0.5 + 0.2 * np.sin(x * 1.1) * np.sin(y * 1.3))[:, :, None], 3, 2).astype(np.float32)
    own = np.zeros((96, 96), bool)
    own[36:60, 34:62] = True
    fill = np.where(own[:, :, None], np.float32(0.5), picture)
    window = Window(fill, np.where(own[:, :, None], np.float32(0), picture), ~own, own)
    made = Texture(TextureSettings(method="automaton", training=25))(window)
    assert np.array_equal(made[~own], fill[~own])
    assert made is not window.fill and made[own].std() > fill[own].std()
    assert made.min() >= 0 and made.max() <= 1
