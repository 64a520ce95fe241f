from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.training.features import normalised, read_tensors
from models.training.resnet import DilatedResnet


def reference(tensors: dict[str, Tensor], image: Tensor) -> list[Tensor]:
    """The plain ResNet of [2] with its strides taken out afterwards, as the segmentation code does it."""

    def conv(name, norm, stride=1, dilation=1):
        weight = tensors[f"{name}.weight"]
        kernel = weight.shape[-1]
        padding = dilation * (kernel // 2)
        layer = nn.Conv2d(weight.shape[1], weight.shape[0], kernel, stride, padding, dilation, bias=False)
        layer.weight.data = weight
        bn = nn.BatchNorm2d(weight.shape[0]).eval()
        keys = ("weight", "bias", "running_mean", "running_var")
        bn.load_state_dict({key: tensors[f"{norm}.{key}"] for key in keys} | {"num_batches_tracked": torch.tensor(0)})
        return nn.Sequential(layer, bn)

    x = normalised(image)
    x = conv("conv1", "bn1", 2)(x).relu()
    x = conv("conv2", "bn2")(x).relu()
    x = conv("conv3", "bn3")(x).relu()
    x = nn.MaxPool2d(3, 2, 1)(x)
    found = []
    # dilation of the first block and of the others
    for layer, (stride, first, other) in enumerate(((1, 1, 1), (2, 1, 1), (1, 1, 2), (1, 2, 4)), start=1):
        block = 0
        while f"layer{layer}.{block}.conv1.weight" in tensors:
            name = f"layer{layer}.{block}"
            strided = stride if block == 0 else 1
            y = conv(f"{name}.conv1", f"{name}.bn1")(x).relu()
            y = conv(f"{name}.conv2", f"{name}.bn2", strided, other if block else first)(y).relu()
            y = conv(f"{name}.conv3", f"{name}.bn3")(y)
            x = conv(f"{name}.downsample.0", f"{name}.downsample.1", strided)(x) if block == 0 else x
            x = (x + y).relu()
            block += 1
        found.append(x)
    return found


def test_features_equal_the_network_written_out(resnet_tensors):
    tensors = resnet_tensors(blocks=2)
    image = torch.rand(2, 3, 64, 48)
    with torch.no_grad():
        made = DilatedResnet(tensors).features(image)
        assert [tuple(f.shape[2:]) for f in made] == [(16, 12), (8, 6), (8, 6), (8, 6)]
        for one, two in zip(made, reference(tensors, image), strict=True):
            torch.testing.assert_close(one, two)


@pytest.mark.parametrize("name", ["conv2.weight", "layer1.0.downsample.1.running_var", "layer4.0.conv1.weight"])
def test_a_missing_tensor_is_named(resnet, name):
    tensors = read_tensors(resnet)
    del tensors[name]
    with pytest.raises(KeyError, match=name):
        DilatedResnet(tensors)
