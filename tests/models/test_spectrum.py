from __future__ import annotations

import pytest
import torch
from torch import nn

import models.spectrum
from models.lama import FourierUnit
from models.spectrum import MatrixFourierUnit


def unit(channels, *, bias=True):
    made = FourierUnit(channels)
    made.bn = nn.Identity()
    if bias:
        made.conv_layer.bias = nn.Parameter(torch.rand(2 * channels) - 0.5)
    return made.requires_grad_(False)


def draw(*shape):
    return torch.randn(shape).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "side", [(2, 2), (3, 2), (2, 3), (8, 8), (17, 13), (1, 5), (5, 1), (12, 31), (64, 64), (30, 48)]
)
def test_it_is_the_unit_and_its_residual(side, bias):
    torch.manual_seed(0)
    plain, x = unit(5, bias=bias), draw(2, 5, *side)
    made = MatrixFourierUnit(plain)(x)
    assert made.shape == x.shape and made.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(made, x + plain(x), rtol=0, atol=1e-5)


def test_large_maps_take_the_fast_transform(monkeypatch):
    monkeypatch.setattr(models.spectrum, "LARGEST", 8)
    torch.manual_seed(0)
    plain = unit(3)
    made, x = MatrixFourierUnit(plain), draw(1, 3, 8, 9)
    assert torch.equal(made(x), x + plain(x))


def test_a_map_does_not_depend_on_its_neighbours_nor_change():
    torch.manual_seed(0)
    made, x = MatrixFourierUnit(unit(4)), draw(3, 4, 10, 14)
    before = x.clone()
    together = made(x)
    assert torch.equal(x, before)
    assert all(torch.equal(made(x[i : i + 1])[0], together[i]) for i in range(3))
