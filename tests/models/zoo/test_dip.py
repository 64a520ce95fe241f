from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from models.zoo.dip import (
    NETWORKS,
    DipConfig,
    DownBlock,
    EncoderDecoder,
    EncoderDecoderResidualConnections,
    EncoderDecoderSkipConnections,
    SkipBlock,
    UpBlock,
)

CONFIG = DipConfig(noise=3, down=(4, 6, 8), up=(4, 6, 8), skip=(1, 2, 3))


def test_the_blocks():
    x = torch.rand(1, 5, 16, 24)
    down, up, skip = DownBlock(5, 7), UpBlock(5, 7), SkipBlock(5, 7)
    assert down(x).shape == (1, 7, 8, 12)
    assert up(x).shape == (1, 7, 32, 48)
    assert skip(x).shape == (1, 7, 16, 24)
    convolutions = [layer for layer in down if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.stride[0] for layer in convolutions] == [2, 1]
    assert isinstance(up[-1], torch.nn.Upsample), "up-sampling at the very end"


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("images", [1, 3])
def test_the_channels_of_each_up_sampling_block(kind, images):
    """in(U_j) = out(U_{j-1}) + out(S_{N+1-j}), U_0 = D_N; without the second part for the others."""
    torch.manual_seed(0)
    network = NETWORKS[kind](CONFIG, images)
    outs = [8, 8, 6]  # D_3, U_1, U_2
    added = [3, 2, 1] if kind == "skip" else [0, 0, 0]  # S_3, S_2, S_1
    found = [block[0].num_features // images for block in network.up]
    assert found == [before + skip for before, skip in zip(outs, added, strict=True)]
    seen = []
    for block in (*network.down, *network.up):
        block.register_forward_hook(lambda module, given, made: seen.append((given[0].shape[2], made.shape[2])))
    with torch.no_grad():
        made = network(torch.rand(1, 3 * images, 32, 32))
    assert seen == [(32, 16), (16, 8), (8, 4), (4, 8), (8, 16), (16, 32)]
    assert made.shape == (1, 3 * images, 32, 32) and made.min() >= 0 and made.max() <= 1


def test_connections_are_what_their_names_say():
    assert not hasattr(EncoderDecoder(CONFIG), "skips")
    skip, residual = EncoderDecoderSkipConnections(CONFIG), EncoderDecoderResidualConnections(CONFIG)
    assert [block[0].out_channels for block in skip.skips] == [1, 2, 3]
    assert [block[0].out_channels for block in residual.skips] == [6, 8, 8]
    x, maps = torch.rand(1, 6, 8, 8), [torch.rand(1, c, s, s) for c, s in ((4, 16), (6, 8), (8, 4))]
    with torch.no_grad():
        joined = skip.eval().connect(x[:, :6], maps, 1)
        assert torch.equal(joined, torch.cat([x, skip.skips[1](maps[1])], dim=1))
        x = torch.rand(1, 8, 8, 8)
        assert torch.equal(residual.eval().connect(x, maps, 1), x + residual.skips[1](maps[1]))


@pytest.mark.parametrize("kind", NETWORKS)
def test_each_picture_of_a_batch_has_a_network_of_its_own(kind):
    """With each picture's parameters in a network for one, its output is the same; no gradient crosses."""
    torch.manual_seed(0)
    many = NETWORKS[kind](CONFIG, 3)
    z = torch.rand(1, 3, 16, 16)
    made = many(z.repeat(1, 3, 1, 1)).view(3, 3, 16, 16)
    for index in range(3):
        one = NETWORKS[kind](CONFIG)
        with torch.no_grad():
            for own, group in zip(one.parameters(), many.parameters(), strict=True):
                own.copy_(group.chunk(3)[index])
        assert torch.allclose(one(z)[0], made[index], atol=1e-5)
    made[0].sum().backward()
    for parameter in many.parameters():
        assert not parameter.grad.chunk(3)[1].any() and not parameter.grad.chunk(3)[2].any()


def test_levels_must_agree():
    with pytest.raises(ValidationError, match="one number for each level"):
        DipConfig(down=(4, 4), up=(4,), skip=(4, 4))
