from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from models.training.discriminator import Discriminator, DiscriminatorConfig, config_of, seeded_discriminator
from models.training.loss_settings import DiscriminatorSettings


def test_lama_s_discriminator_has_its_size_and_layers():
    """ndf 64, 4 layers: 3 → 64 → 128 → 256 → 512 → 512 → 1, with a batch norm in the inner ones."""
    widths = [3, 64, 128, 256, 512, 512, 1]
    expected = sum(16 * a * b + b for a, b in itertools.pairwise(widths))
    expected += 2 * sum(widths[2:-1])
    with torch.device("meta"):
        network = Discriminator(config_of(DiscriminatorSettings(), "non_saturating"))
    assert sum(p.numel() for p in network.parameters()) == expected
    scores, features = network(torch.zeros(2, 3, 256, 256, device="meta"))
    assert scores.shape == (2, 1, 19, 19) and len(features) == 5  # the padding of 2 adds a pixel a layer
    assert [f.shape[1] for f in features] == widths[1:-1]


@pytest.mark.parametrize(
    ("settings", "kind", "expected"),
    [
        ({}, "non_saturating", (64, 4, "batch")),
        ({}, "wasserstein", (64, 4, "instance")),
        ({"kind": "small"}, "non_saturating", (32, 3, "batch")),
        ({"kind": "small", "ndf": 8, "n_layers": 2, "norm": "none"}, "wasserstein", (8, 2, "none")),
    ],
)
def test_what_settings_leave_open_comes_from_the_kind(settings, kind, expected):
    assert config_of(DiscriminatorSettings(**settings), kind) == DiscriminatorConfig(*expected)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_norms_and_seeds(norm):
    config = DiscriminatorConfig(4, 2, norm)
    before = torch.random.get_rng_state()
    one, two, other = (seeded_discriminator(config, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    image = torch.rand(2, 3, 48, 48)
    assert torch.equal(one(image)[0], two(image)[0]) and not torch.equal(one(image)[0], other(image)[0])
    kinds = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}
    found = [m for m in one.modules() if isinstance(m, tuple(kinds.values()))]
    assert all(isinstance(m, kinds[norm]) for m in found) and len(found) == (0 if norm == "none" else 2)
