"""A tiny encoder in the format of a compressed VGG19, a few photos, and settings of a run of seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.training.losses import BLOCKS
from models.training.settings import TrainingSettings


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
    def make(**changes: Any) -> TrainingSettings:
        tree: dict[str, Any] = {
            "network": {"ngf": 4, "n_blocks": 1},
            "data": {"photos": photos, "crop_px": 48},
            "loss": {"perceptual": 0.1, "encoder": encoder},
            "steps": 6,
            "batch": 2,
            "warmup_steps": 1,
            "precision": "fp32",
            "device": "cpu",
            "threads": 1,
        }
        return TrainingSettings.model_validate(tree | changes)

    return make
