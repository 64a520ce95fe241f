"""One thread, a home without weights, a few photos, and settings of a training run of seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from models.zoo.partial_conv_training import PartialConvSettings
from tests.support import photo


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LACUNA_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "weights"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), photo(48, 56, number))
    return folder


@pytest.fixture
def tiny(photos: Path) -> Callable[..., PartialConvSettings]:
    """Settings of a small partial-convolution network; keys given replace them."""

    def make(**changes: Any) -> PartialConvSettings:
        tree: dict[str, Any] = {
            "network": {"widths": [4, 8]},
            "data": {"photos": str(photos), "crop_px": 16, "max_masked": 0.9},
            "steps": 4,
            "batch": 2,
            "device": "cpu",
            "log_steps": 1,
        }
        return PartialConvSettings.model_validate(tree | changes)

    return make
