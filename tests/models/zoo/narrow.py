"""What a training of seconds needs: smooth pictures, and a feature network of VGG19's structure with four channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.training.vgg import BLOCKS
from models.zoo.training import ZooTrainer


def smooth_photos(folder: Path, count: int = 3) -> Path:
    """Pictures of 64 × 48 px that a tiny network can learn."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(count):
        small = rng.integers(0, 255, (3, 4, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), cv2.resize(small, (64, 48), interpolation=cv2.INTER_CUBIC))
    return folder


def narrow_encoder(path: Path) -> Path:
    """Random weights, seeded."""
    generator = torch.Generator().manual_seed(0)
    tensors, channels = {}, 3
    for name in ["0", *(name for block in BLOCKS for name in block)]:
        width, kernel = (3, 1) if name == "0" else (4, 3)
        tensors[f"conv{name}.weight"] = torch.randn(width, channels, kernel, kernel, generator=generator) / 3
        tensors[f"conv{name}.bias"] = torch.zeros(width)
        channels = width
    save_file(tensors, path)
    return path


def everything(trainer: ZooTrainer) -> dict[str, torch.Tensor]:
    """All that a run has learnt so far: networks, critics, averages, by name."""
    found = dict(trainer.recipe.network.state_dict())
    for part, module in trainer.recipe.others.items():
        found |= {f"{part} {name}": value for name, value in module.state_dict().items()}
    return found | {f"average {name}": value for name, value in trainer.average.tensors().items()}


def interrupted(trainer: ZooTrainer, step: int) -> None:
    """Run until the step, then as Ctrl-C does."""
    train_step = trainer.train_step

    def stopping() -> Any:
        if trainer.step == step:
            raise KeyboardInterrupt
        return train_step()

    trainer.train_step = stopping  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
