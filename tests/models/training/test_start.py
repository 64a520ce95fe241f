from __future__ import annotations

import pytest
import torch

from models.training.settings import NetworkSettings
from models.training.start import start_model, widen_up
from models.weights import WeightsInvalid, save_weights


def test_widened_kernels_compute_the_same(tiny_weights):
    wide = widen_up(tiny_weights)
    assert wide.config.up_kernel == 4
    x = torch.rand(1, 4, 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(wide.build()(x), tiny_weights.build()(x), atol=1e-5, rtol=1e-5)


def test_a_start_is_taken_over_and_checked(tmp_path, tiny_weights):
    path = tmp_path / "w.safetensors"
    save_weights(path, tiny_weights.config, tiny_weights.tensors, {})
    shape = {"ngf": 4, "n_blocks": 2}
    with pytest.raises(ValueError, match="the start has"):
        start_model(NetworkSettings(start=str(path), ngf=8, n_blocks=2), 0)
    one, two = (start_model(NetworkSettings(**shape), seed=3) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    assert all(p.requires_grad for p in one.parameters())
    path.write_bytes(b"")
    with pytest.raises(WeightsInvalid):
        start_model(NetworkSettings(start=str(path), **shape), 0)


@pytest.mark.parametrize("variant", [{"blocks": "regular"}, {"spectral": ["l2g", "g2g"]}, {"spectral": []}])
def test_variants_by_settings(variant):
    model = start_model(NetworkSettings(ngf=4, n_blocks=1, **variant), 0)
    assert model.config.blocks == variant.get("blocks", "ffc")
    if "spectral" in variant:
        assert model.config.spectral == tuple(variant["spectral"])
