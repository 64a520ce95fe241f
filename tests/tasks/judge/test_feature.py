from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.training.features import Features
from models.training.vgg import BLOCKS
from tasks.judge.feature import FeatureDistance


@pytest.fixture
def weights(tmp_path) -> Path:
    """A narrow network of VGG19's structure."""
    generator = torch.Generator().manual_seed(3)
    tensors = {"conv0.weight": torch.eye(3).view(3, 3, 1, 1), "conv0.bias": torch.zeros(3)}
    before = 3
    for name in (n for block in BLOCKS for n in block):
        tensors[f"conv{name}.weight"] = torch.randn(6, before, 3, 3, generator=generator) / (3 * before**0.5)
        tensors[f"conv{name}.bias"] = torch.full((6,), 0.05)
        before = 6
    save_file(tensors, tmp_path / "narrow.safetensors")
    return tmp_path / "narrow.safetensors"


def test_the_definition(weights) -> None:
    rng = np.random.default_rng(0)
    truth, filled = rng.random((2, 64, 80, 3), dtype=np.float32)
    measure = FeatureDistance(weights)
    network: Features = measure._features
    pictures = [torch.from_numpy(p.transpose(2, 0, 1)[None].copy()) for p in (filled, truth)]
    expected = 0.0
    for a, b in zip(*(network.features(p) for p in pictures), strict=True):
        x, y = (f / (f.square().sum(1, keepdim=True).sqrt() + 1e-8) for f in (a, b))
        expected += float(((x - y) ** 2).sum(1).mean())
    assert measure(filled, truth) == pytest.approx(expected, rel=1e-5)
    assert measure(truth, truth) == 0


def test_more_damage_is_further(weights) -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((64, 64, 3), dtype=np.float32)
    noise = rng.normal(0, 0.3, truth.shape).astype(np.float32)
    measure = FeatureDistance(weights)
    found = [measure(np.clip(truth + s * noise, 0, 1), truth) for s in (0.1, 0.5, 1)]
    assert 0 < found[0] < found[1] < found[2]


def test_too_small_for_the_network(weights) -> None:
    small = np.zeros((20, 200, 3), np.float32)
    assert np.isnan(FeatureDistance(weights)(small, small))


def test_a_network_or_file_that_is_not_there(weights, tmp_path) -> None:
    with pytest.raises(ValueError, match="no feature network"):
        FeatureDistance(weights, "vgg20")
    with pytest.raises(FileNotFoundError):
        FeatureDistance(tmp_path / "none.safetensors")
