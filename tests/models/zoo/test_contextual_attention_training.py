from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from models.zoo.contextual_attention_networks import CoarseToFine
from models.zoo.contextual_attention_training import ContextualAttentionSettings
from models.zoo.recipe import Batch
from models.zoo.settings import read_any_settings
from models.zoo.training import ZooTrainer
from models.zoo.weights import load_zoo_weights
from tests.models.zoo.narrow import everything, interrupted, smooth_photos

Make = Callable[..., ContextualAttentionSettings]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    photos = smooth_photos(tmp_path / "photos")

    def made(**changes: Any) -> ContextualAttentionSettings:
        tree: dict[str, Any] = {
            "method": "contextual-attention",
            "network": {"width": 4, "critic_width": 2},
            "data": {"photos": photos, "crop_px": 32},
            "loss": {"critic_steps": 2},
            "steps": 5,
            "batch": 2,
            "lr": 1e-3,
            "threads": 1,
            "device": "cpu",
            "export_name": "small",
        }
        return ContextualAttentionSettings.model_validate(tree | changes)

    return made


def test_a_resumed_run_equals_an_uninterrupted_one(make: Make, tmp_path: Path) -> None:
    whole = ZooTrainer(make(), tmp_path / "whole")
    whole.run()
    interrupted(ZooTrainer(make(checkpoint_minutes=0), tmp_path / "parts"), 3)
    second = ZooTrainer(make(), tmp_path / "parts", resume=True)
    assert second.step == 3
    second.run()
    one, two = everything(whole), everything(second)
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name


def test_who_learns_when(make: Make, tmp_path: Path) -> None:
    """Before `critic_from` the network alone; then the critics at every step, the network at every third."""
    settings = make(steps=8, loss={"critic_steps": 3, "critic_from": 0.25})
    trainer = ZooTrainer(settings, tmp_path / "run")
    moved = []
    for _ in range(6):
        before = {name: tensor.clone() for name, tensor in everything(trainer).items()}
        said = trainer.train_step()
        now = everything(trainer)
        changed = {name.split(" ")[0] for name in before if not torch.equal(before[name], now[name])}
        moved.append("".join(part[0] for part in ("local", "global") if part in changed) + "n" * ("average" in changed))
        assert next(iter(said)) == "loss" and all(np.isfinite(value) for value in said.values())
    assert moved == ["n", "n", "lgn", "lg", "lg", "lgn"]


def test_it_overfits_one_picture(make: Make, tmp_path: Path) -> None:
    """The coarse stage leads, the fine one follows; both stay there when the critics join in."""
    loss = {"critic_from": 0.5, "critic_steps": 1}
    recipe = ZooTrainer(make(steps=10**6, loss=loss, lr=3e-3), tmp_path / "run").recipe
    network = recipe.network
    assert isinstance(network, CoarseToFine)
    truth, mask = torch.full((1, 3, 32, 32), 0.3), torch.zeros(1, 1, 32, 32)
    truth[:, 0, :, 14:], truth[:, 2, 18:] = 0.8, 0.7
    mask[..., 10:22, 8:20] = 1

    def off(made: torch.Tensor) -> float:
        return float(((made - truth).abs() * mask).sum() / (3 * mask.sum()))

    grey = off(truth.mean((2, 3), keepdim=True).expand_as(truth))
    for step, times in ((0, 100), (900_000, 15)):
        for _ in range(times):
            recipe.train_step(Batch(truth, mask, step, np.random.default_rng(0), nullcontext))
        with torch.inference_mode():
            coarse, fine = (off((made + 1) / 2) for made in network(2 * truth - 1, mask))
        assert coarse < 0.5 * grey and fine < 0.75 * grey


def test_what_is_exported_fills(make: Make, tmp_path: Path) -> None:
    trainer = ZooTrainer(make(steps=1), tmp_path / "run")
    trainer.run()
    weights = load_zoo_weights(str(tmp_path / "run" / "small.safetensors"))
    assert weights.method == "contextual-attention" and weights.config == {"width": 4}
    state = trainer.recipe.network.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in weights.tensors.items())


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"network": {"width": 5}}, "width"),
        ({"network": {"local_px": 48}}, "local_px"),
        ({"loss": {"gamma": 1.5}}, "gamma"),
        ({"loss": {"other": 1}}, "other"),
    ],
)
def test_wrong_settings_name_their_key(make: Make, changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        make(**changes)


def test_the_local_critic_sees_half_a_crop(make: Make) -> None:
    assert make().local_px == 16 and make(network={"local_px": 32}).local_px == 32


def test_the_configuration_beside_the_code_is_the_papers() -> None:
    settings = read_any_settings(Path(__file__).parents[3] / "models" / "zoo" / "contextual_attention.yaml")
    assert isinstance(settings, ContextualAttentionSettings)
    defaults = ContextualAttentionSettings.model_fields
    assert settings.loss == defaults["loss"].default and settings.network.width == 32 and settings.local_px == 128
