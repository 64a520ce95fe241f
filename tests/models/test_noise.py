from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.lama import Lama, LamaConfig


@pytest.mark.parametrize("blocks", ["ffc", "regular"])
@pytest.mark.parametrize("down", [1, 3])
def test_noise_changes_every_map_on_the_way_up_and_nothing_where_it_has_no_strength(tiny_model, blocks, down):
    config = LamaConfig(ngf=4, n_blocks=1, n_downsampling=down, blocks=blocks, noise=True)
    model = tiny_model(config)
    assert [strength.in_channels for strength in model.noise.strengths] == [4 << level for level in range(down)]
    x, noise = torch.rand(2, 4, 32, 48), torch.randn(2, 1, 32, 48)
    with torch.inference_mode():
        y = model(x, noise)
        assert not torch.equal(model(x, noise.flip(0)), y)
        for strength in model.noise.strengths:
            strength.weight.zero_()
            assert not torch.equal(model(x, noise), y)
            y = model(x, noise)
    plain = Lama(replace(config, noise=False)).eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("noise.")})
    with torch.inference_mode():
        assert torch.equal(plain(x), y)


def test_noise_that_is_not_given_is_always_the_same_and_goes_on_beside_its_square(tiny_model):
    config = LamaConfig(ngf=4, n_blocks=1, noise=True)
    one = tiny_model(config)
    torch.manual_seed(2)
    two = Lama(config).eval()
    two.load_state_dict(one.state_dict())
    assert torch.equal(one.noise.square, two.noise.square)
    side = one.noise.SIDE
    x = torch.zeros(1, 4, 32, 2 * side)
    with torch.inference_mode():
        assert torch.equal(one(x), two(x))
        given = one.noise.square[..., :32, :].repeat(1, 1, 1, 2)
        assert torch.equal(one(x, given), one(x))
    assert one.noise.square.mean().abs() < 0.02 and (one.noise.square.std() - 1).abs() < 0.02


def test_only_a_network_with_noise_has_its_names():
    with torch.device("meta"):
        names = set(Lama(LamaConfig(noise=True)).state_dict()) - set(Lama().state_dict())
    assert names == {f"noise.strengths.{level}.weight" for level in range(3)}
