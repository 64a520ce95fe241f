from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pydantic import ValidationError

from models.zoo.edge_connect import EdgeConnect
from models.zoo.edge_connect_training import EdgeConnectSettings
from models.zoo.recipe import Batch
from models.zoo.settings import read_any_settings
from models.zoo.training import ZooTrainer
from models.zoo.weights import load_zoo_weights
from tests.models.zoo.narrow import everything, interrupted, narrow_encoder, smooth_photos

Make = Callable[..., EdgeConnectSettings]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    photos, encoder = smooth_photos(tmp_path / "photos"), narrow_encoder(tmp_path / "encoder.safetensors")

    def made(**changes: Any) -> EdgeConnectSettings:
        tree: dict[str, Any] = {
            "method": "edge-connect",
            "network": {"width": 4, "blocks": 1, "discriminator_width": 4},
            "data": {"photos": photos, "crop_px": 32},
            "loss": {"encoder": encoder, "style": 1.0},
            "steps": 6,
            "batch": 2,
            "sigma": 1.0,
            "lr": 1e-3,
            "threads": 1,
            "device": "cpu",
            "export_name": "small",
        }
        return EdgeConnectSettings.model_validate(tree | changes)

    return made


@pytest.mark.parametrize("kind", ["non_saturating", "hinge"])
def test_a_resumed_run_equals_an_uninterrupted_one(make: Make, tmp_path: Path, kind: str) -> None:
    loss = {"encoder": tmp_path / "encoder.safetensors", "adversarial": kind}
    whole = ZooTrainer(make(loss=loss), tmp_path / "whole")
    whole.run()
    interrupted(ZooTrainer(make(loss=loss, checkpoint_minutes=0), tmp_path / "parts"), 3)
    second = ZooTrainer(make(loss=loss), tmp_path / "parts", resume=True)
    assert second.step == 3
    second.run()
    one, two = everything(whole), everything(second)
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name


def test_each_part_trains_what_is_its_own(make: Make, tmp_path: Path) -> None:
    trainer = ZooTrainer(make(steps=10, edges_until=0.4, colours_until=0.7), tmp_path / "run")
    moved = []
    for step in (0, 5, 8):
        before = {name: tensor.clone() for name, tensor in everything(trainer).items()}
        trainer.step = step
        said = trainer.train_step()
        now = everything(trainer)
        changed = {name.split(".")[0] for name in before if not torch.equal(before[name], now[name])}
        moved.append({name.removeprefix("average ").split(" ")[0] for name in changed})
        trainer.recipe.network.edge.eval()  # else each pass moves its spectral norms' vectors
        assert next(iter(said)) == "loss" and all(np.isfinite(value) for value in said.values())
    assert moved == [{"edge", "edge_critic"}, {"inpaint", "critic"}, {"inpaint", "critic"}]


def test_it_overfits_one_picture(make: Make, tmp_path: Path) -> None:
    """Edges first, then colours along them: the hole's error falls to a fraction of what a grey fill has."""
    loss = {"style": 0, "perceptual": 0, "l1": 10}
    recipe = ZooTrainer(make(steps=10**6, batch=1, lr=5e-3, loss=loss), tmp_path / "run").recipe
    network = recipe.network
    assert isinstance(network, EdgeConnect)
    truth, mask = torch.full((1, 3, 32, 32), 0.3), torch.zeros(1, 1, 32, 32)
    truth[:, 0, :, 14:], truth[:, 2, 18:] = 0.8, 0.7
    mask[..., 10:22, 8:20] = 1
    for step, times in ((0, 60), (500_000, 110)):
        for _ in range(times):
            said = recipe.train_step(Batch(truth, mask, step, np.random.default_rng(0), nullcontext))
        if step == 0:
            assert said["edge_precision"] > 0.4 and said["edge_recall"] > 0.5
    with torch.inference_mode():
        made = network.eval()(truth, mask, 1.0)
    off = float(((made - truth).abs() * mask).sum())
    grey = float(((truth - truth.mean((2, 3), keepdim=True)).abs() * mask).sum())
    assert off < 0.7 * grey


def test_what_is_exported_fills(make: Make, tmp_path: Path) -> None:
    trainer = ZooTrainer(make(steps=2), tmp_path / "run")
    trainer.run()
    weights = load_zoo_weights(str(tmp_path / "run" / "small.safetensors"))
    assert weights.method == "edge-connect" and weights.config == {"width": 4, "blocks": 1}
    network = trainer.recipe.network.eval()
    for name, tensor in weights.tensors.items():
        assert torch.equal(tensor, network.state_dict()[name]), name


def test_wrong_settings_name_their_key(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="edges_until"):
        make(edges_until=0.8)
    with pytest.raises(ValidationError, match="encoder"):
        make(loss={})
    with pytest.raises(ValidationError, match="crop_px"):
        make(data={"photos": tmp_path / "photos", "crop_px": 16})
    assert make(loss={"style": 0, "perceptual": 0}).loss.encoder is None


def test_the_configuration_beside_the_code_is_the_papers() -> None:
    path = Path(__file__).parents[3] / "models" / "zoo" / "edge_connect.yaml"
    settings = read_any_settings(path)
    assert isinstance(settings, EdgeConnectSettings)
    given = yaml.safe_load(path.read_text("utf-8"))
    assert settings.loss.model_dump(exclude={"encoder"}) == EdgeConnectSettings.model_validate(
        given | {"loss": {"encoder": given["loss"]["encoder"]}}
    ).loss.model_dump(exclude={"encoder"})
    assert settings.network.width == 64 and settings.network.blocks == 8
