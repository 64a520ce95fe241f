from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from models import winograd


def tiled(x, weight, bias=None, relu=False):
    out = torch.empty(*x.shape[:2], len(weight))
    winograd.assemble(torch.bmm(winograd.tiles(x), winograd.kernel(weight)), bias, relu, out)
    return out


def direct(x, weight, bias=None, relu=False):
    padded = F.pad(x.permute(2, 0, 1)[None].double(), [1] * 4, mode="reflect")
    y = F.conv2d(padded, weight.double(), None if bias is None else bias.double())[0].permute(1, 2, 0)
    return torch.relu(y) if relu else y


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("side", [(2, 2), (2, 9), (3, 4), (8, 8), (13, 6), (17, 31), (32, 20)])
def test_it_is_the_convolution_with_reflection(side, bias, relu):
    torch.manual_seed(0)
    x, weight = torch.randn(*side, 5), torch.randn(7, 5, 3, 3)
    offset = torch.randn(7) if bias else None
    made = tiled(x, weight, offset, relu)
    torch.testing.assert_close(made.double(), direct(x, weight, offset, relu), rtol=0, atol=1e-4)


def test_products_of_several_maps_are_summed_before_they_are_brought_back():
    torch.manual_seed(0)
    a, b, u, v = torch.randn(9, 12, 3), torch.randn(9, 12, 6), torch.randn(4, 3, 3, 3), torch.randn(4, 6, 3, 3)
    products = torch.bmm(winograd.tiles(a), winograd.kernel(u)) + torch.bmm(winograd.tiles(b), winograd.kernel(v))
    out = torch.empty(9, 12, 4)
    winograd.assemble(products, None, False, out)
    torch.testing.assert_close(out.double(), direct(a, u) + direct(b, v), rtol=0, atol=1e-4)


def test_rounding_is_small():
    """An error that grew with the network's depth would show: the usual points are twice as far off."""
    torch.manual_seed(0)
    x, weight = torch.randn(32, 32, 256).relu_(), torch.randn(64, 256, 3, 3) / 48
    expected = direct(x, weight)
    error = (tiled(x, weight) - expected).square().mean().sqrt() / expected.std()
    assert error < 2e-6


@pytest.mark.parametrize(("side", "number"), [((4, 4), 1), ((5, 4), 2), ((64, 64), 256), ((1, 9), 3)])
def test_tiles_cover_the_map(side, number):
    assert winograd.count(*side) == number
    if min(side) > 1:
        assert winograd.tiles(torch.zeros(*side, 2)).shape == (36, number, 2)
