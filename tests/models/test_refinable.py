from __future__ import annotations

import pytest
import torch
from torch import nn

from models.lama import LamaConfig
from models.refinable import Mirror, Refinable

CONFIGS = [
    LamaConfig(ngf=4, n_blocks=2, max_features=32),
    LamaConfig(ngf=4, n_blocks=1, max_features=32, ratio=0),
    LamaConfig(ngf=4, n_blocks=0, n_downsampling=1),
    LamaConfig(ngf=4, n_blocks=2, max_features=32, up_kernel=4, skip=True),
    LamaConfig(ngf=4, n_blocks=1, n_downsampling=2, blocks="regular"),
    LamaConfig(ngf=4, n_blocks=1, n_downsampling=2, blocks="regular", skip=True),
    LamaConfig(ngf=4, n_blocks=2, max_features=32, up_kernel=4, noise=True),
    LamaConfig(ngf=4, n_blocks=1, n_downsampling=2, blocks="regular", skip=True, noise=True),
    LamaConfig(ngf=8, n_blocks=1, n_downsampling=2, spectral=("l2g", "g2g")),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_the_two_parts_are_the_whole_network_and_only_features_have_gradients(tiny_model, config):
    model = tiny_model(config)
    network = Refinable(model, torch.device("cpu"), torch.float32)
    x = torch.rand(2, 4, 32, 48, generator=torch.Generator().manual_seed(0))
    features, maps = network.front(x)
    side = [32 // config.multiple, 48 // config.multiple]
    assert all(list(part.shape[2:]) == side for part in features)
    with torch.no_grad():
        torch.testing.assert_close(network.rear(features, maps), model(x), atol=1e-5, rtol=1e-4)
    features = [part.detach().requires_grad_() for part in features]
    network.rear(features, maps).sum().backward()
    assert all(part.grad is not None and part.grad.abs().max() > 0 for part in features)
    assert all(weight.grad is None and not weight.requires_grad for weight in network.parameters())


@pytest.mark.parametrize("px", [1, 3])
def test_the_mirror_is_torchs_padding_and_so_are_its_gradients(px):
    x = torch.rand(1, 2, 5, 7, requires_grad=True)
    weight = torch.rand(1, 2, 5 + 2 * px, 7 + 2 * px)
    (ours,) = torch.autograd.grad((Mirror(px)(x) * weight).sum(), x)
    (theirs,) = torch.autograd.grad((nn.ReflectionPad2d(px)(x) * weight).sum(), x)
    assert torch.equal(Mirror(px)(x), nn.ReflectionPad2d(px)(x))
    torch.testing.assert_close(ours, theirs)


def test_halves_stay_near_the_whole_in_bf16(tiny_model):
    model = tiny_model(CONFIGS[0])
    network = Refinable(model, torch.device("cpu"), torch.bfloat16)
    x = torch.rand(1, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        made = network.rear(*network.front(x))
        assert made.dtype == torch.float32
        assert (made - model(x)).abs().mean() < 0.01
