from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from models.lama import Lama, LamaConfig, parameter_count
from models.regular import ResidualBlock, regular_front

REGULAR = LamaConfig(ngf=4, n_blocks=2, blocks="regular")


@pytest.mark.parametrize(("n_blocks", "count"), [(9, 45_617_731), (15, 73_947_715)])
def test_parameter_counts_are_those_of_the_ablation(n_blocks, count):
    """46 and 74 million in Table 2 of LaMa's paper."""
    assert parameter_count(LamaConfig(n_blocks=n_blocks, blocks="regular")) == count


def test_names_are_the_official_ones():
    with torch.device("meta"):
        names = set(Lama(LamaConfig(n_blocks=9, blocks="regular")).state_dict())
    for name in (
        "1.bias",
        "2.running_var",
        "10.weight",
        "13.conv_block.1.weight",
        "21.conv_block.6.weight",
        "22.weight",
        "32.bias",
    ):
        assert f"model.{name}" in names
    assert not any(name.startswith(("model.0.", "model.31.", "model.33.")) for name in names)


def test_the_front_equals_its_definition(tiny_model):
    """Convolution, batch norm, ReLU; down-sampling pads with zeros, all else mirrors; blocks add without a ReLU."""
    front = tiny_model(REGULAR).model[:15]
    x = torch.rand(1, 4, 32, 24)
    with torch.inference_mode():
        y = functional.conv2d(functional.pad(x, (3, 3, 3, 3), mode="reflect"), front[1].weight, front[1].bias)
        y = torch.relu(front[2](y))
        for at in (4, 7, 10):
            y = torch.relu(front[at + 1](functional.conv2d(y, front[at].weight, front[at].bias, stride=2, padding=1)))
        for block in front[13:]:
            first, norm1, second, norm2 = (block.conv_block[at] for at in (1, 2, 5, 6))
            z = functional.conv2d(functional.pad(y, (1, 1, 1, 1), mode="reflect"), first.weight, first.bias)
            z = functional.pad(torch.relu(norm1(z)), (1, 1, 1, 1), mode="reflect")
            y = y + norm2(functional.conv2d(z, second.weight, second.bias))
        torch.testing.assert_close(front(x), y)


def test_it_has_no_global_channels_whatever_is_asked():
    config = LamaConfig(blocks="regular", ratio=0.5, spectral=("l2g",))
    assert (config.ratio, config.spectral) == (0, ())
    assert config == LamaConfig(blocks="regular")


@pytest.mark.parametrize("widths", [[3], [3, 5], [2, 4, 4]])
def test_widths_are_those_that_are_asked_for(widths):
    front = nn.Sequential(*regular_front(4, widths, 1))
    assert front(torch.rand(1, 4, 32, 32)).shape == (1, widths[-1], 64 >> len(widths), 64 >> len(widths))
    assert sum(isinstance(module, ResidualBlock) for module in front) == 1
