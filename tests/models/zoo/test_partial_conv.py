from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from models.zoo.partial_conv import PartialConv2d, PartialConvConfig, PartialConvNet


def by_definition(x, valid, weight, bias, stride, padding):
    """Window by window, with a mask for each channel: x, valid (C, H, W), weight (out, C, k, k)."""
    out, channels, k, _ = weight.shape
    x, valid = (np.pad(each, [(0, 0), (padding, padding), (padding, padding)]) for each in (x, valid))
    h, w = ((side - k) // stride + 1 for side in x.shape[1:])
    made, after = np.zeros((out, h, w)), np.zeros((h, w))
    for y, z in itertools.product(range(h), range(w)):
        there = valid[:, y * stride : y * stride + k, z * stride : z * stride + k]
        window = x[:, y * stride : y * stride + k, z * stride : z * stride + k]
        if there.sum() > 0:
            after[y, z] = 1
            for o in range(out):
                made[o, y, z] = (weight[o] * window * there).sum() * channels * k * k / there.sum() + bias[o]
    return made, after


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "groups"),
    [(3, 1, None, None), (3, 2, None, (2, 3)), (1, 1, None, (5,)), (5, 2, 1, (1, 1, 1, 1, 1)), (3, 1, 0, (4, 1))],
)
@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_it_is_what_its_definition_says(kernel, stride, padding, groups, share):
    torch.manual_seed(0)
    layer = PartialConv2d(5, 4, kernel, stride, padding, groups)
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 5, 9, 11)
    valid = (torch.rand(2, len(layer.groups), 9, 11) < share).float()
    with torch.no_grad():
        made, after = layer(x, valid)
    for i in range(2):
        each = torch.cat([valid[i, g : g + 1].expand(n, -1, -1) for g, n in enumerate(layer.groups)])
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        expected, mask = by_definition(x[i].numpy(), each.numpy(), weight, bias, stride, layer.padding)
        assert np.allclose(made[i].numpy(), expected, atol=1e-4)
        assert np.array_equal(after[i, 0].numpy(), mask)


def test_what_is_not_valid_is_not_looked_at():
    torch.manual_seed(1)
    layer = PartialConv2d(3, 4)
    valid = (torch.rand(1, 1, 8, 8) < 0.5).float()
    x = torch.randn(1, 3, 8, 8)
    other = torch.where(valid > 0, x, torch.randn(1, 3, 8, 8) * 100)
    assert torch.equal(layer(x, valid)[0], layer(other, valid)[0])
    assert not layer(x, torch.zeros_like(valid))[0].any()


def test_the_printed_example():
    """5 × 5 pixels, kernel of rows 1 0 −1, no padding: the result is printed with one decimal.

    The source's own pixels and mask are lost; these give each of its nine numbers.
    """
    pixels = [[4, 0, 0, 8, 0], [0, 0, 0, 0, 5], [7, 2, 0, 0, 8], [0, 8, 5, 0, 0], [0, 0, 3, 2, 4]]
    valid = [[1, 0, 1, 1, 0], [0, 0, 1, 0, 1], [1, 1, 1, 0, 1], [0, 1, 1, 0, 1], [1, 1, 1, 1, 1]]
    layer = PartialConv2d(1, 1, padding=0, bias=False)
    layer.weight.data = torch.tensor([[[[1.0, 0, -1]] * 3]]).view(1, 1, 3, 3)
    made, after = layer(*(torch.tensor(each, dtype=torch.float32).view(1, 1, 5, 5) for each in (pixels, valid)))
    printed = torch.tensor([[16.5, -10.8, -19.5], [3, 18, -12], [-1.1, 10.3, -5.1]])
    assert torch.allclose(made[0, 0], printed, atol=0.05)
    exact = torch.tensor([[33 / 2, -54 / 5, -39 / 2], [3, 18, -12], [-9 / 8, 72 / 7, -36 / 7]])
    assert torch.allclose(made[0, 0], exact, atol=1e-5)
    assert bool(after.all())


def test_the_table_of_the_autoencoder():
    net = PartialConvNet(PartialConvConfig()).eval()
    assert (len(net.encoder), len(net.decoder)) == (8, 9)
    image, hole = torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 32, 32)
    hole[:, :, 8:20, 8:20] = 1
    with torch.no_grad():
        shapes = [tuple(x.shape[1:]) for x, _ in net.encode(image, 1 - hole)]
        made = net(image, hole)
    sides = (32, 16, 16, 8, 8, 4, 4, 2)
    widths = (32, 32, 64, 64, 128, 128, 256, 256)
    assert shapes == [(width, side, side) for width, side in zip(widths, sides, strict=True)]
    assert [layer.weight.shape[0] for layer in net.decoder] == [256, 128, 128, 64, 64, 32, 32, 32, 3]
    # the map from below beside the encoder's of that size
    assert [layer.weight.shape[1] for layer in net.decoder] == [512, 256, 256, 128, 128, 64, 64, 32, 32]
    assert made.shape == (2, 3, 32, 32) and made.min() >= 0 and made.max() <= 1


def test_the_network_does_not_look_into_the_hole():
    torch.manual_seed(2)
    net = PartialConvNet(PartialConvConfig(widths=(4, 8))).eval()
    image, hole = torch.rand(1, 3, 16, 16), (torch.rand(1, 1, 16, 16) < 0.4).float()
    with torch.no_grad():
        assert torch.equal(net(image, hole), net(torch.where(hole > 0, torch.rand(1, 3, 16, 16), image), hole))


def test_groups_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="are not 5"):
        PartialConv2d(5, 4, groups=(2, 2))
