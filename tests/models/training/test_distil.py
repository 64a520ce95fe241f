from __future__ import annotations

import pytest
import torch

from models.lama import Lama, LamaConfig
from models.training.distil import Teacher
from models.training.features import feature_network
from models.training.loss_settings import DistilSettings, EncoderSettings
from models.weights import WeightsNotFound, save_weights


@pytest.fixture
def teacher(tmp_path, tiny_weights):
    path = tmp_path / "teacher.safetensors"
    save_weights(path, tiny_weights.config, tiny_weights.tensors, {})
    return str(path)


def case():
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(1, 3, 48, 48, generator=generator)
    mask = torch.zeros(1, 1, 48, 48)
    mask[..., 10:30, 10:30] = 1
    return truth, mask


def test_the_teacher_s_own_fill_costs_nothing(teacher, encoder):
    truth, mask = case()
    network = feature_network(EncoderSettings(weights=encoder))
    taught = Teacher(DistilSettings(teacher=teacher, l1=2, perceptual=3), torch.device("cpu"), network)
    with torch.no_grad():
        fill = taught._network(torch.cat([truth * (1 - mask), mask], 1))
    parts = taught.parts(fill, truth, mask)
    assert {name: weight for name, (_, weight) in parts.items()} == {"distil_l1": 2, "distil_perceptual": 3}
    assert all(float(value) == pytest.approx(0, abs=1e-6) for value, _ in parts.values())
    other = (fill + 0.1).requires_grad_(True)
    parts = taught.parts(other, truth, mask)
    assert float(parts["distil_l1"][0].detach()) == pytest.approx(0.1, rel=1e-3)
    sum(value for value, _ in parts.values()).backward()
    assert (other.grad * mask).abs().max() > 0 and (other.grad * (1 - mask)).abs().max() == 0
    assert not any(p.requires_grad or p.grad is not None for p in taught._network.parameters())


def test_what_cannot_teach_is_refused(tmp_path):
    with pytest.raises(WeightsNotFound):
        Teacher(DistilSettings(teacher="nobody"), torch.device("cpu"), None)
    odd = Lama(LamaConfig(input_nc=3, ngf=4, n_blocks=1))
    save_weights(tmp_path / "odd.safetensors", odd.config, odd.state_dict(), {})
    with pytest.raises(ValueError, match="no inpainting generator"):
        Teacher(DistilSettings(teacher=str(tmp_path / "odd.safetensors")), torch.device("cpu"), None)
