from __future__ import annotations

import pytest
import torch
from torch import nn

from models.zoo.contextual_attention_networks import CoarseToFine, ContextualAttentionConfig, SameConv, Up, WholeCritic

SMALL = ContextualAttentionConfig(width=4)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def conv(cin: int, cout: int, kernel: int = 3) -> int:
    return cin * cout * kernel**2 + cout


def test_the_official_network_has_the_official_size() -> None:
    """Summed by hand from the layers of the code's `build_inpaint_net`, cnum = 32."""

    def decoder(cin: int) -> int:
        return (
            conv(cin, 128) + conv(128, 128) + conv(128, 64) + conv(64, 64) + conv(64, 32) + conv(32, 16) + conv(16, 3)
        )

    first = conv(5, 32, 5)
    coarse = first + conv(32, 64) + conv(64, 64) + conv(64, 128) + 6 * conv(128, 128) + decoder(128)
    dreamt = first + conv(32, 32) + conv(32, 64) + conv(64, 64) + conv(64, 128) + 5 * conv(128, 128)
    copied = first + conv(32, 32) + conv(32, 64) + conv(64, 128) + 4 * conv(128, 128)
    with torch.device("meta"):
        assert count(CoarseToFine()) == coarse + dreamt + copied + decoder(256) == 3_601_542
        # local: 64, 128, 256, 512 channels, 8² left of 128²; global: 64, 128, 256, 256, 16² left of 256²
        stem = conv(3, 64, 5) + conv(64, 128, 5) + conv(128, 256, 5)
        assert count(WholeCritic(128, 64, 8)) == stem + conv(256, 512, 5) + 512 * 64 + 1
        assert count(WholeCritic(256, 64, 4)) == stem + conv(256, 256, 5) + 256 * 256 + 1


def test_layers_have_the_official_names() -> None:
    with torch.device("meta"):
        names = {name.rsplit(".", 1)[0] for name in CoarseToFine().state_dict()}
    assert {"coarse.conv2_downsample", "coarse.conv10_atrous", "coarse.conv17"} <= names
    assert {"hallucination.xconv10_atrous", "matching.pmconv6", "copied.pmconv10", "joined.allconv16"} <= names
    assert {"coarse.conv13_upsample.1", "joined.allconv15_upsample.1"} <= names and len(names) == 42


@pytest.mark.parametrize("shape", [(16, 16), (32, 40)])
def test_both_stages_are_as_large_as_the_input_and_in_range(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, *shape, generator=generator) * 2 - 1
    mask = torch.zeros(2, 1, *shape)
    mask[..., 4:10, 4:12] = 1
    network = CoarseToFine(SMALL).eval()
    with torch.inference_mode():
        for made, again in zip(network(image, mask), network(torch.lerp(image, -image, mask), mask), strict=True):
            assert made.shape == (2, 3, *shape) and float(made.abs().max()) <= 1
            assert torch.equal(made, again)  # what lies in the hole is never looked at


def test_every_parameter_learns() -> None:
    image, mask = torch.rand(1, 3, 32, 32), torch.zeros(1, 1, 32, 32)
    mask[..., 8:14, 8:14] = 1
    network = CoarseToFine(SMALL)
    coarse, fine = network(image, mask)
    (coarse.square().sum() + fine.square().sum()).backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not bool(p.grad.abs().max() > 0)]
    assert idle == []


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (5, 1, 1), (3, 2, 1), (5, 2, 1), (3, 1, 16)])
def test_same_padding(kernel: int, stride: int, dilation: int) -> None:
    """As TensorFlow's: the size over the stride, rounded up; with an odd number of zeros the odd one comes last."""
    layer = SameConv(1, 1, kernel, stride, dilation)
    assert layer(torch.zeros(1, 1, 12, 20)).shape == (1, 1, 12 // stride, 20 // stride)
    before = (dilation * (kernel - 1) + 1 - stride) // 2
    x = torch.zeros(1, 1, 64, 64, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x)[0, 0, 0, 0], x)
    assert int(gradient[0, 0, :, 0].nonzero().max()) == dilation * (kernel - 1) - before


def test_up_sampling_repeats_pixels_first() -> None:
    layer = Up(1, 1)
    nn.init.zeros_(layer[1].weight)
    with torch.no_grad():
        layer[1].weight[0, 0, 1, 1] = 1
        layer[1].bias.zero_()
    assert layer(torch.tensor([[[[1.0, 2.0]]]])).tolist() == [[[[1, 1, 2, 2], [1, 1, 2, 2]]]]


def test_a_critic_gives_one_score_for_a_picture() -> None:
    assert WholeCritic(32, 4)(torch.rand(3, 3, 32, 32)).shape == (3, 1, 1, 1)
    with pytest.raises(ValueError, match="multiple of 16"):
        WholeCritic(40)


@pytest.mark.parametrize("width", [0, 3, 4.0, True])
def test_impossible_widths_are_refused(width: int) -> None:
    with pytest.raises(ValueError, match="width"):
        ContextualAttentionConfig(width)
