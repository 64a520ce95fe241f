"""Two workers on this machine's CPU; needs the extra `training` (Ray Train and what it imports)."""

import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.training.loop import Trainer
from models.training.settings import TrainingSettings
from models.weights import load_weights
from tasks.errors import PoolFailure, UsageError
from tasks.run.training import _said, train_together


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., TrainingSettings]:
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        cv2.imwrite(str(photos / f"{index}.png"), rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))

    def make(**changes: Any) -> TrainingSettings:
        tree: dict[str, Any] = {
            "network": {"ngf": 4, "n_blocks": 1},
            "data": {"photos": str(photos), "crop_px": 48},
            "loss": {"hrf": 0},
            "adversarial": {"discriminator": {"ndf": 4, "n_layers": 2}},
            "workers": {"count": 2, "cpus": 0.5},
            "steps": 2,
            "log_steps": 1,
            "batch": 1,
            "precision": "fp32",
            "device": "cpu",
            "threads": 1,
        }
        return TrainingSettings.model_validate(tree | changes)

    return make


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_workers_train_one_generator(
    settings: Callable[..., TrainingSettings], ray_cluster: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("ray.train", exc_type=ImportError)
    out = tmp_path / "run"
    with caplog.at_level(logging.INFO, "lacuna.training"):
        train_together(settings(), out, resume=False)
        first = load_weights(str(out / "lama-small.safetensors"))
        train_together(settings(steps=3), out, resume=True)
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert sum("step 3" in message and "100% done" in message for message in caplog.messages) == 1
    second = load_weights(str(out / "lama-small.safetensors"))
    assert any(bool((tensor != second.tensors[name]).any()) for name, tensor in first.tensors.items())
    # one loop alone has the first worker's batch, but not the mean of two gradients
    alone = Trainer(settings(threads=None), tmp_path / "one").train_step()
    assert alone["loss"] == pytest.approx(rows[0]["loss"], rel=1e-4)  # rank 0 has the same batch
    assert alone["norm"] != pytest.approx(rows[0]["norm"], rel=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_failing_worker_is_one_line(
    settings: Callable[..., TrainingSettings], ray_cluster: None, tmp_path: Path
) -> None:
    pytest.importorskip("ray.train", exc_type=ImportError)
    broken = settings()
    broken = broken.model_copy(update={"data": broken.data.model_copy(update={"photos": str(tmp_path / "none")})})
    with pytest.raises(PoolFailure, match="photos") as caught:
        train_together(broken, tmp_path / "run", resume=False)
    assert "\n" not in str(caught.value)


def test_more_than_the_cluster_has_is_refused(
    settings: Callable[..., TrainingSettings], ray_cluster: None, tmp_path: Path
) -> None:
    pytest.importorskip("ray.train", exc_type=ImportError)
    with pytest.raises(UsageError, match="99 × 50 CPU are wanted"):
        train_together(settings(workers={"count": 99, "cpus": 50}), tmp_path, resume=False)


def test_without_ray_train_it_says_what_to_install(
    settings: Callable[..., TrainingSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray.train", None)
    with pytest.raises(UsageError, match=r"lacuna\[training\]"):
        train_together(settings(), tmp_path, resume=False)


def test_rows_are_said_as_they_are_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.run.training.POLL_S", 0.02)
    lines = tmp_path / "log.jsonl"
    lines.write_text('{"step": 1, "minutes": 1, "done": 0.1}\n')
    with caplog.at_level(logging.INFO, "lacuna.training"), _said(lines, resume=True):
        with lines.open("a") as file:
            file.write('{"step": 2, "minutes": 2, "done": 0.5, "loss": 0.25}\n{"step": 3, "min')
        time.sleep(0.2)
        assert caplog.messages == ["step 2 minutes 2 loss 0.25, 50% done, 2 min left"]
        with lines.open("a") as file:
            file.write('utes": 3, "done": 1}\n[]\n')
    assert caplog.messages[1:] == ["step 3 minutes 3, 100% done", "[]"]
