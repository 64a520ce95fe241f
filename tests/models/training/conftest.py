"""Narrow feature networks in the formats of the real ones, a few photos, and settings of a run of seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from models.training.settings import TrainingSettings
from models.training.vgg import BLOCKS


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def encoder(tmp_path) -> Path:
    generator = torch.Generator().manual_seed(0)
    tensors, channels = {}, 3
    for name in ["0", *(name for block in BLOCKS for name in block)]:
        width, kernel = (3, 1) if name == "0" else (4, 3)
        tensors[f"conv{name}.weight"] = torch.randn(width, channels, kernel, kernel, generator=generator) / 3
        tensors[f"conv{name}.bias"] = torch.zeros(width)
        channels = width
    save_file(tensors, tmp_path / "encoder.safetensors")
    return tmp_path / "encoder.safetensors"


def _resnet_tensors(width: int = 2, blocks: int = 1) -> dict[str, Tensor]:
    """A narrow network with the names of LaMa's ResNet50."""
    generator = torch.Generator().manual_seed(1)
    tensors: dict[str, Tensor] = {}

    def conv(name: str, norm: str, before: int, after: int, kernel: int) -> None:
        tensors[f"{name}.weight"] = torch.randn(after, before, kernel, kernel, generator=generator) / kernel
        tensors[f"{norm}.weight"] = torch.rand(after, generator=generator) + 0.5
        tensors[f"{norm}.bias"] = torch.randn(after, generator=generator) / 5
        tensors[f"{norm}.running_mean"] = torch.randn(after, generator=generator) / 5
        tensors[f"{norm}.running_var"] = torch.rand(after, generator=generator) + 0.5

    channels = 3
    for number, after in ((1, width), (2, width), (3, 2 * width)):
        conv(f"conv{number}", f"bn{number}", channels, after, 3)
        channels = after
    for layer in (1, 2, 3, 4):
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            conv(f"{name}.conv1", f"{name}.bn1", channels, width, 1)
            conv(f"{name}.conv2", f"{name}.bn2", width, width, 3)
            conv(f"{name}.conv3", f"{name}.bn3", width, 4 * width, 1)
            if block == 0:
                conv(f"{name}.downsample.0", f"{name}.downsample.1", channels, 4 * width, 1)
            channels = 4 * width
    return tensors


@pytest.fixture
def resnet_tensors() -> Callable[..., dict[str, Tensor]]:
    return _resnet_tensors


@pytest.fixture
def resnet(tmp_path) -> Path:
    torch.save(_resnet_tensors(), tmp_path / "resnet.pth")
    return tmp_path / "resnet.pth"


@pytest.fixture
def photos(tmp_path) -> Path:
    """Smooth pictures: a tiny network can learn them."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        small = rng.integers(0, 255, (3, 4, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), cv2.resize(small, (64, 48), interpolation=cv2.INTER_CUBIC))
    return folder


@pytest.fixture
def settings(photos, encoder) -> Callable[..., TrainingSettings]:
    """Settings with structural losses only; `changes` replace whole branches."""

    def make(**changes: Any) -> TrainingSettings:
        tree: dict[str, Any] = {
            "network": {"ngf": 4, "n_blocks": 1},
            "data": {"photos": photos, "crop_px": 48},
            "loss": {"l1_hole": 4, "l1_known": 2, "hrf": 0, "perceptual": 0.1, "encoder": encoder},
            "adversarial": None,
            "steps": 6,
            "batch": 2,
            "warmup_steps": 1,
            "precision": "fp32",
            "device": "cpu",
            "threads": 1,
        }
        return TrainingSettings.model_validate(tree | changes)

    return make
