from __future__ import annotations

import pytest
import torch
from torch import nn

from models.training.average import Average


def test_the_mean_follows_with_a_short_memory_at_first():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = Average(network, 0.9)
    assert not average.network.training and not any(p.requires_grad for p in average.network.parameters())
    expected = network[0].weight.detach().clone()
    for step in range(1, 200):
        with torch.no_grad():
            network[0].weight.fill_(float(step))
        average.follow(network, step)
        memory = min(0.9, (1 + step) / (10 + step))
        expected = memory * expected + (1 - memory) * step
    torch.testing.assert_close(average.tensors()["0.weight"], expected)
    assert 185 < float(expected.mean()) < 199
    assert average.tensors()["1.num_batches_tracked"].dtype == torch.float32


def test_state_and_load():
    one, two = (Average(nn.Linear(2, 2), 0.5) for _ in range(2))
    two.load(one.state())
    assert torch.equal(one.tensors()["weight"], two.tensors()["weight"])
    with pytest.raises(RuntimeError):
        two.load({})
