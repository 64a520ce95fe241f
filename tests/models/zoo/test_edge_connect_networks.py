from __future__ import annotations

import pytest
import torch
from torch import nn

from models.zoo.edge_connect_networks import (
    Discriminator,
    EdgeConnectConfig,
    EdgeGenerator,
    InpaintGenerator,
    ResidualBlock,
)

SMALL = EdgeConnectConfig(width=4, blocks=2)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_official_networks_have_the_official_sizes() -> None:
    """Counted by hand: convolutions 7², 4², 3² of 64, 128, 256 channels; biases, but for the blocks of the edge generator.

    Together 21.5 million; LaMa's table 1 gives EdgeConnect 22.
    """
    down, blocks = 64 * 128 * 16 + 128 + 128 * 256 * 16 + 256, 16 * 256 * 256 * 9
    up = 256 * 128 * 16 + 128 + 128 * 64 * 16 + 64
    edge = 3 * 64 * 49 + 64 + down + blocks + up + 64 * 49 + 1
    inpaint = 4 * 64 * 49 + 64 + down + blocks + 16 * 256 + up + 64 * 3 * 49 + 3
    with torch.device("meta"):
        assert count(EdgeGenerator()) == edge == 10_761_089
        assert count(InpaintGenerator()) == inpaint == 10_774_595
        assert count(Discriminator(2)) == 16 * (2 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512)


def test_names_are_the_official_ones() -> None:
    """As `src/networks.py` of knazeri/edge-connect nests its modules."""
    places = ["encoder.1", "encoder.4", "encoder.7", "decoder.0", "decoder.3"]
    blocks = [f"middle.{block}.conv_block.{place}" for block in range(8) for place in (1, 5)]
    normed = ("weight_orig", "weight_u", "weight_v")
    with torch.device("meta"):
        edge, inpaint = EdgeGenerator().state_dict(), InpaintGenerator().state_dict()
    expected = {f"{place}.{name}" for place in places for name in (*normed, "bias")}
    expected |= {f"{place}.{name}" for place in blocks for name in normed}
    assert edge.keys() == expected | {"decoder.7.weight", "decoder.7.bias"}
    assert inpaint.keys() == {f"{p}.{n}" for p in [*places, *blocks, "decoder.7"] for n in ("weight", "bias")}
    assert edge["encoder.1.weight_orig"].shape == (64, 3, 7, 7) and edge["decoder.7.weight"].shape == (1, 64, 7, 7)
    assert edge["decoder.0.weight_orig"].shape == (256, 128, 4, 4) and edge["decoder.0.weight_u"].shape == (128,)
    assert inpaint["encoder.1.weight"].shape == (64, 4, 7, 7) and inpaint["decoder.7.weight"].shape == (3, 64, 7, 7)


@pytest.mark.parametrize("shape", [(12, 12), (16, 36), (40, 20)])
def test_what_comes_out_is_as_large_and_in_range(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    for network, cin, cout in ((EdgeGenerator(SMALL), 3, 1), (InpaintGenerator(SMALL), 4, 3)):
        made = network.eval()(torch.rand(2, cin, *shape, generator=generator)).detach()
        assert made.shape == (2, cout, *shape) and float(made.min()) >= 0 and float(made.max()) <= 1


def test_a_block_sees_three_pixels_far_and_adds_its_input() -> None:
    block = ResidualBlock(2, spectral=False)
    block.conv_block[2], block.conv_block[6] = nn.Identity(), nn.Identity()  # instance norms see everything
    x = torch.randn(1, 2, 15, 15, requires_grad=True)
    (gradient,) = torch.autograd.grad(block(x)[0, 0, 7, 7], x)
    reached = gradient.abs().sum((0, 1)).nonzero()
    assert reached.min() == 7 - 3 and reached.max() == 7 + 3
    for part in (1, 5):
        nn.init.zeros_(block.conv_block[part].weight)
        nn.init.zeros_(block.conv_block[part].bias)
    assert torch.equal(block(x), x)


def test_normed_weights_have_a_largest_singular_value_of_one() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = EdgeGenerator(SMALL).train()
        for _ in range(60):  # each pass is one iteration of the power method
            network(torch.rand(1, 3, 12, 12))
    for part in (network.encoder[1], network.middle[0].conv_block[5], network.decoder[0]):
        weight = part.weight.transpose(0, 1) if isinstance(part, nn.ConvTranspose2d) else part.weight
        assert float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2)) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(("side", "scores"), [(24, 1), (64, 6), (256, 30)])
def test_the_discriminator_judges_patches(side: int, scores: int) -> None:
    judged, features = Discriminator(3, 2).eval()(torch.rand(1, 3, side, side))
    assert judged.shape == (1, 1, scores, scores)
    assert [f.shape[1] for f in features] == [2, 4, 8, 16, 1] and features[-1] is judged


def test_each_patch_is_seventy_pixels() -> None:
    x = torch.randn(1, 1, 256, 256, requires_grad=True)
    scores, _ = Discriminator(1, 2).eval()(x)
    (gradient,) = torch.autograd.grad(scores[0, 0, 15, 15], x)
    rows = gradient.abs().sum((0, 1, 3)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70


@pytest.mark.parametrize("wrong", [{"width": 0}, {"width": 2.0}, {"blocks": -1}, {"blocks": True}])
def test_impossible_sizes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EdgeConnectConfig(**wrong)
