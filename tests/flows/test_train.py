import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml

import flows.train
import tasks.run.training
from flows.server import wait_for_api
from flows.train import train
from flows.training import checked
from models.weights import load_weights
from models.zoo.weights import load_zoo_weights
from tasks.errors import PoolFailure, UsageError


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "photos" / "a.png"), pixels)
    return write(tmp_path / "c.yaml")


def write(path: Path, **changes: Any) -> Path:
    tree: dict[str, Any] = {
        "network": {"ngf": 4, "n_blocks": 1},
        "data": {"photos": str(path.parent / "photos"), "crop_px": 48},
        "loss": {"hrf": 0},
        "adversarial": None,
        "steps": 2,
        "log_steps": 1,
        "batch": 1,
        "device": "cpu",
        "threads": 1,
    }
    path.write_text(yaml.safe_dump(tree | changes))
    return path


def test_the_flow_trains_and_goes_on(config: Path, tmp_path: Path, prefect_server: None) -> None:
    wait_for_api()
    out = tmp_path / "out"
    first = train(str(config), str(out))
    assert first["step"] == 2 and first["loss"] > 0
    with pytest.raises(UsageError, match="--resume"):
        train(str(config), str(out))
    write(config, steps=3)
    second = train(str(config), str(out), resume=True)
    assert second["step"] == 3 and load_weights(second["weights"]).name == "lama-small"
    assert json.dumps(second)


def test_what_cannot_begin_is_wrong_usage_and_what_breaks_off_a_failure(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = checked(str(write(config, data={"photos": str(tmp_path / "none"), "crop_px": 48})), "out", False)
    with pytest.raises(UsageError, match="none"):
        flows.train._train.fn(settings, tmp_path / "out", False)
    settings = checked(str(write(config, network={"start": "nobody"})), "out", False)
    with pytest.raises(UsageError, match="nobody"):
        flows.train._train.fn(settings, tmp_path / "out", False)
    (tmp_path / "photos" / "a.png").write_bytes(b"junk")
    settings = checked(str(write(config)), "out", False)
    with pytest.raises(PoolFailure, match=r"step 0: .*--resume"):
        flows.train._train.fn(settings, tmp_path / "out", False)


def test_several_workers_are_started_by_ray(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(tasks.run.training, "train_together", lambda *given: asked.append(given))
    monkeypatch.setattr(flows.train, "_record", lambda *_: {})
    settings = checked(str(write(config, workers={"count": 3})), "out", False)
    flows.train._train.fn(settings, tmp_path, True)
    assert asked == [(settings, tmp_path, True)]


def test_another_method_is_trained_by_its_own_loop(config: Path, tmp_path: Path) -> None:
    tree: dict[str, Any] = {
        "method": "partial-conv",
        "network": {"widths": [4]},
        "data": {"photos": str(tmp_path / "photos")},
        "steps": 2,
        "batch": 1,
        "device": "cpu",
        "threads": 1,
        "log_steps": 1,
    }
    config.write_text(yaml.safe_dump(tree))
    out = tmp_path / "zoo"
    found = flows.train._train.fn(checked(str(config), str(out), False), out, False)
    assert (found["step"], found["weights"]) == (2, str(out / "partial-conv.safetensors"))
    assert load_zoo_weights(found["weights"]).method == "partial-conv"
    with pytest.raises(UsageError, match="--resume"):
        checked(str(config), str(out), False)
    for change, said in (({"method": "nosuch"}, "there are lama, partial-conv"), ({"lr": 0}, "lr: .*greater than 0")):
        config.write_text(yaml.safe_dump(tree | change))
        with pytest.raises(UsageError, match=said):
            checked(str(config), str(tmp_path / "new"), False)
