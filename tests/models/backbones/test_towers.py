import pytest
import torch
from torch import nn

from models.backbones.towers import Tower


def alexnet(width: int = 4) -> nn.Sequential:
    """As torchvision builds its `features`, narrow."""
    relu, pool = nn.ReLU, lambda: nn.MaxPool2d(3, 2)
    parts = [nn.Conv2d(3, width, 11, 4, 2), relu(), pool(), nn.Conv2d(width, width, 5, padding=2), relu(), pool()]
    parts += [nn.Conv2d(width, width + 1, 3, padding=1), relu(), nn.Conv2d(width + 1, width, 3, padding=1), relu()]
    return nn.Sequential(*parts, nn.Conv2d(width, width, 3, padding=1), relu(), pool())


def vgg16(width: int = 3) -> nn.Sequential:
    parts: list[nn.Module] = []
    before = 3
    for number, count in enumerate((2, 2, 3, 3, 3)):
        for _ in range(count):
            parts += [nn.Conv2d(before, width + number, 3, padding=1), nn.ReLU()]
            before = width + number
        parts.append(nn.MaxPool2d(2))
    return nn.Sequential(*parts)


def state(network: nn.Sequential) -> dict[str, torch.Tensor]:
    return {f"features.{name}": tensor for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize(
    ("make", "name", "taps"), [(alexnet, "alexnet", (1, 4, 7, 9, 11)), (vgg16, "vgg16", (3, 8, 15, 22, 29))]
)
def test_features_are_those_after_the_named_layers(make, name: str, taps: tuple[int, ...]) -> None:
    torch.manual_seed(2)
    network = make()
    tower = Tower(state(network))
    assert tower.name == name
    image = torch.randn(2, 3, 67, 80)
    with torch.no_grad():
        found = tower.features(image)
        x, expected = image, []
        for index, layer in enumerate(network):
            x = layer(x)
            if index in taps:
                expected.append(x)
    assert [f.shape[1] for f in found] == tower.channels
    for got, want in zip(found, expected, strict=True):
        torch.testing.assert_close(got, want)


def test_another_network_is_refused() -> None:
    tensors = state(alexnet())
    tensors["features.0.weight"] = torch.zeros(4, 3, 7, 7)
    with pytest.raises(ValueError, match="first kernel is 7 × 7"):
        Tower(tensors)
    tensors = state(vgg16())
    del tensors["features.28.bias"]
    with pytest.raises(KeyError, match=r"features\.28\.bias"):
        Tower(tensors)
