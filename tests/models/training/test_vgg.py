from __future__ import annotations

import pytest
import torch
from torch import nn

from models.training.features import read_tensors
from models.training.vgg import TORCHVISION, Encoder, of_torchvision


def test_encoder_gives_the_asked_layers_at_their_scales(encoder):
    net = Encoder(read_tensors(encoder))
    features = net.features(torch.rand(2, 3, 32, 48))
    assert [tuple(f.shape[2:]) for f in features] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert len(net.features(torch.rand(1, 3, 32, 32), ("31",))) == 1


def test_a_missing_layer_is_named(encoder):
    tensors = read_tensors(encoder)
    del tensors["conv34.bias"]
    with pytest.raises(KeyError, match="conv34"):
        Encoder(tensors)


def test_torchvision_s_network_computes_the_same():
    """Its layers written out: 3 × 3 convolutions with zeros around, ReLU, pooling, normalised input."""
    layers, channels = [], 3
    for index in range(30):
        if index in TORCHVISION.values():
            layers.append(nn.Conv2d(channels, 3, 3, padding=1))
            channels = 3
        elif index in (4, 9, 18, 27):
            layers.append(nn.MaxPool2d(2))
        else:
            layers.append(nn.ReLU())
    network = nn.Sequential(*layers)
    image = torch.rand(1, 3, 32, 32)
    mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        expected = network((image - mean.view(3, 1, 1)) / spread.view(3, 1, 1))
        state = {f"features.{name}": tensor for name, tensor in network.state_dict().items()}
        torch.testing.assert_close(of_torchvision(state).features(image)[-1], expected)
