from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from models.engine import Engine
from models.fold import fold_batch_norm
from models.lama import PATHS, LamaConfig
from models.weights import Weights

VARIANTS = [
    *(LamaConfig(ngf=4, n_blocks=2, ratio=ratio, up_kernel=kernel) for ratio in (0, 0.5, 0.75) for kernel in (3, 4)),
    *(LamaConfig(ngf=4, n_blocks=2, spectral=paths) for paths in ((), ("l2g", "g2g"), ("l2l",), PATHS)),
    LamaConfig(ngf=4, n_blocks=2, blocks="regular"),
    *(LamaConfig(ngf=4, n_blocks=2, blocks=blocks, skip=True) for blocks in ("ffc", "regular")),
    *(LamaConfig(ngf=4, n_blocks=2, blocks=blocks, noise=True) for blocks in ("ffc", "regular")),
]


@pytest.mark.parametrize("config", VARIANTS, ids=str)
def test_folding_changes_rounding_only(tiny_model, config):
    model = tiny_model(config)
    folded = fold_batch_norm(model)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    x = torch.rand(2, 4, 32, 48)
    with torch.inference_mode():
        assert (folded(x) - model(x)).abs().max() <= 1e-4


@pytest.mark.parametrize("config", VARIANTS[6:], ids=str)
def test_the_engine_runs_every_variant_as_the_plain_module_does(tiny_model, config):
    """fp32: max |Δ| ≤ 1e-4 everywhere; bf16: mean |Δ| ≤ 1/255 in the hole."""
    model, rng = tiny_model(config), np.random.default_rng(0)
    crop, mask = rng.random((48, 40, 3), dtype=np.float32), np.zeros((48, 40), bool)
    mask[10:30, 8:24] = True
    x = np.concatenate([np.where(mask[..., None], 0, crop), mask[..., None]], 2, dtype=np.float32).transpose(2, 0, 1)
    with torch.inference_mode():
        plain = model(torch.from_numpy(x[None].copy()))[0].permute(1, 2, 0).numpy()
    weights = Weights("variant", config, model.state_dict(), "")
    fp32, bf16 = (Engine(weights, device="cpu", precision=p).fill([crop], [mask])[0] for p in ("fp32", "bf16"))
    assert np.abs(fp32 - plain).max() <= 1e-4
    assert np.abs(bf16 - plain)[mask].mean() <= 1 / 255


def test_the_original_is_left_alone(tiny_model):
    model = tiny_model()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    fold_batch_norm(model)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
