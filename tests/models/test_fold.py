from __future__ import annotations

import pytest
import torch
from torch import nn

from models.fold import fold_batch_norm
from models.lama import LamaConfig


@pytest.mark.parametrize("ratio", [0, 0.5, 0.75])
@pytest.mark.parametrize("up_kernel", [3, 4])
def test_folding_changes_rounding_only(tiny_model, ratio, up_kernel):
    model = tiny_model(LamaConfig(ngf=4, n_blocks=2, ratio=ratio, up_kernel=up_kernel))
    folded = fold_batch_norm(model)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    x = torch.rand(2, 4, 32, 48)
    with torch.inference_mode():
        assert (folded(x) - model(x)).abs().max() <= 1e-4


def test_the_original_is_left_alone(tiny_model):
    model = tiny_model()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    fold_batch_norm(model)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
