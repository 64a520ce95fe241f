from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

import models.convolution
from models.convolution import FusedConv
from models.engine import Engine
from models.fold import fold_batch_norm
from models.fused import FusedSum, fuse
from models.lama import PATHS, LamaConfig

VARIANTS = [
    *(LamaConfig(ngf=4, n_blocks=2, ratio=ratio, up_kernel=kernel) for ratio in (0, 0.5, 0.75) for kernel in (3, 4)),
    *(LamaConfig(ngf=4, n_blocks=2, spectral=paths) for paths in ((), ("l2g", "g2g"), ("l2l",), PATHS)),
    LamaConfig(ngf=4, n_blocks=2, blocks="regular"),
    LamaConfig(ngf=5, n_blocks=1, n_downsampling=1, output_nc=5),
    LamaConfig(ngf=4, n_blocks=0, n_downsampling=2),
    LamaConfig(ngf=4, n_blocks=1, skip=True),
    LamaConfig(ngf=4, n_blocks=1, skip=True, blocks="regular", up_kernel=4),
    LamaConfig(ngf=4, n_blocks=1, skip=True, n_downsampling=1, ratio=0.5),
    LamaConfig(ngf=4, n_blocks=1, noise=True, up_kernel=4),
    LamaConfig(ngf=4, n_blocks=1, skip=True, noise=True, blocks="regular"),
]


@pytest.fixture
def without_post_operations(monkeypatch):
    monkeypatch.setattr(models.convolution, "has_post_operations", lambda dtype: False)


@pytest.fixture
def with_tiles(monkeypatch):
    """Of maps of any size."""
    monkeypatch.setattr(models.convolution, "CHANNELS", 1)
    monkeypatch.setattr(models.convolution, "TILES", 1)


def check(tiny_model, config):
    model = tiny_model(config)
    folded = fold_batch_norm(model)
    fused = fuse(copy.deepcopy(folded))
    for shape in ((2, 4, 32, 48), (1, 4, 16, 16), (1, 4, 56, 24)):
        x = torch.rand(shape)
        with torch.inference_mode():
            made = fused(x.contiguous(memory_format=torch.channels_last))
            assert (made - model(x)).abs().max() <= 1e-4
            assert (made - folded(x)).abs().max() <= 2e-5


@pytest.mark.parametrize("config", VARIANTS, ids=str)
def test_every_variant_differs_by_rounding_only(tiny_model, config):
    check(tiny_model, config)


@pytest.mark.parametrize("config", [VARIANTS[2], VARIANTS[5], *VARIANTS[7:10], VARIANTS[13]], ids=str)
def test_so_it_does_by_tiles(tiny_model, config, with_tiles):
    check(tiny_model, config)


@pytest.mark.parametrize("config", [VARIANTS[4], VARIANTS[7], VARIANTS[10], VARIANTS[13]], ids=str)
def test_so_it_does_where_torch_has_no_fused_convolutions(tiny_model, config, without_post_operations):
    check(tiny_model, config)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_bytes_do_not_depend_on_what_was_filled_before(tiny_weights, precision, with_tiles):
    """Weights are laid out for one shape at a time."""
    rng, shapes = np.random.default_rng(0), [(32, 32), (96, 64), (40, 136)]
    crops = [rng.random((*shape, 3), dtype=np.float32) for shape in shapes]
    masks = [rng.random(shape) < 0.3 for shape in shapes]
    used = Engine(tiny_weights, device="cpu", precision=precision)
    fresh = [
        Engine(tiny_weights, device="cpu", precision=precision).fill([crop], [mask])[0]
        for crop, mask in zip(crops, masks, strict=True)
    ]
    for i in (0, 1, 2, 0, 2, 1, 1, 0):
        assert np.array_equal(used.fill([crops[i]], [masks[i]])[0], fresh[i])


def test_only_what_gains_goes_by_tiles(tiny_model, monkeypatch):
    """The maps of a crop of 160 px and channels enough, in fp32; of smaller ones and in bf16 none."""
    monkeypatch.setattr(models.convolution, "CHANNELS", 8)
    config = LamaConfig(ngf=4, n_blocks=1)
    for side, dtype, expected in ((160, torch.float32, 6), (128, torch.float32, 0), (160, torch.bfloat16, 0)):
        fused = fuse(fold_batch_norm(tiny_model(config)).to(dtype))
        with torch.inference_mode():
            fused.body(torch.rand(1, 4, side, side).to(dtype))
        convs = [conv for part in fused.modules() if isinstance(part, FusedSum) for conv in part.convs.values()]
        assert sum("at_points" in vars(conv) for conv in convs if isinstance(conv, FusedConv)) == expected
