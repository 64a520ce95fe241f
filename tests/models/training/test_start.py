from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.lama import LamaConfig
from models.training.settings import NetworkSettings
from models.training.start import add_noise, add_skips, start_model, widen_up
from models.weights import Weights, WeightsInvalid, save_weights

STARTS = [
    LamaConfig(ngf=4, n_blocks=blocks, n_downsampling=down, blocks=kind)
    for kind in ("ffc", "regular")
    for blocks, down in ((2, 3), (1, 2), (3, 1))
]


@pytest.fixture(params=STARTS, ids=str)
def start(request, tiny_model):
    return Weights("start", request.param, tiny_model(request.param).state_dict(), "")


def test_widened_kernels_compute_the_same(start):
    wide = widen_up(start)
    assert wide.config.up_kernel == 4
    x = torch.rand(1, 4, 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(wide.build()(x), start.build()(x), atol=1e-5, rtol=1e-5)


def test_new_skips_compute_the_same_and_learn(start):
    grown = add_skips(start)
    assert grown.config == replace(start.config, skip=True)
    model, x = grown.build(), torch.rand(1, 4, 48, 48)
    with torch.inference_mode():
        assert torch.equal(model(x), start.build()(x))
    model.requires_grad_(True)(x).square().mean().backward()
    assert all(skip.weight.grad.abs().max() > 0 for skip in model.skips)


def test_new_noise_is_little_and_learns(start):
    grown = add_noise(start, 0)
    assert grown.config == replace(start.config, noise=True)
    model, x = grown.build(), torch.rand(1, 4, 48, 48)
    with torch.inference_mode():
        before, after = start.build()(x), model(x)
    assert 0 < (after - before).abs().mean() < 0.25 * before.std()
    model.requires_grad_(True)(x).square().mean().backward()
    assert all(strength.weight.grad.abs().max() > 0 for strength in model.noise.strengths)
    assert all(
        torch.equal(a, b) for a, b in zip(grown.tensors.values(), add_noise(start, 0).tensors.values(), strict=True)
    )


def test_a_start_grows_to_what_the_settings_ask_for(tmp_path, start):
    path, config = tmp_path / "w.safetensors", start.config
    save_weights(path, config, start.tensors, {})
    wanted = {"ngf": 4, "n_blocks": config.n_blocks, "n_downsampling": config.n_downsampling, "blocks": config.blocks}
    model = start_model(NetworkSettings(start=str(path), up_kernel=4, skip=True, noise=True, **wanted), 0)
    assert model.config == replace(config, up_kernel=4, skip=True, noise=True)
    save_weights(path, model.config, model.state_dict(), {})
    with pytest.raises(ValueError, match="the start has"):  # nothing is taken away
        start_model(NetworkSettings(start=str(path), up_kernel=4, **wanted), 0)


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
