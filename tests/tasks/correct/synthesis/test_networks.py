from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tasks.correct.synthesis.networks import Filters, network


def _waves(period: float, angle: float) -> torch.Tensor:
    y, x = np.mgrid[:64, :64]
    wave = 0.5 + 0.3 * np.sin(2 * np.pi / period * (x * np.cos(angle) + y * np.sin(angle)))
    return torch.from_numpy(np.stack([wave] * 3)[None].astype(np.float32))


@pytest.mark.parametrize("name", ["filters", "generator"])
def test_maps_are_those_of_the_picture_at_whole_scales_and_have_gradients(name: str) -> None:
    image = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    maps = network(name).features(image)
    assert len(maps) >= 3
    assert (maps[0] == image).all()
    for features in maps:
        step = 32 // features.shape[2]
        assert (features.shape[2] * step, features.shape[3] * step) == (32, 48)
    torch.stack([features.square().mean() for features in maps[1:]]).sum().backward()
    assert torch.isfinite(image.grad).all()
    assert image.grad.abs().max() > 0


@pytest.mark.parametrize("turn", range(4))
def test_a_filter_answers_to_waves_of_its_direction(turn: int) -> None:
    answers = Filters().features(_waves(5, np.pi * turn / 4))[1][0, :8, 16:48, 16:48].square().mean((1, 2))
    energy = answers[:4] + answers[4:]
    assert int(energy.argmax()) == turn
    assert energy[(turn + 2) % 4] < 0.05 * energy[turn]


def test_a_coarser_scale_answers_to_longer_waves_and_colours_have_their_own() -> None:
    filters = Filters()
    short, long = (
        [float(m[0, :8].square().mean()) for m in filters.features(_waves(period, 0))[1:]] for period in (5, 20)
    )
    assert short[0] > 3 * short[2]
    assert long[2] > 3 * long[0]
    red = torch.full((1, 3, 32, 32), 0.5)
    red[0, 0, ::2] = 0.9
    red[0, 1, ::2] -= 0.4 * 0.2126 / 0.7152
    found = filters.features(red)[1][0].square().mean((1, 2))
    assert found[10:].max() > 20 * found[:10].max()


def test_a_checkerboard_is_seen() -> None:
    board = torch.from_numpy(np.indices((32, 32)).sum(axis=0) % 2).float().expand(1, 3, 32, 32)
    assert Filters().features(board)[1][0, 8].square().mean() > 0.05


def test_others_need_a_file_and_are_loaded_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="weights"):
        network("vgg19")
    generator = torch.Generator().manual_seed(0)
    names = [f"{b}{n}" for b, count in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 1)) for n in range(1, count + 1)]
    tensors = {"conv0.weight": torch.eye(3).view(3, 3, 1, 1).clone(), "conv0.bias": torch.zeros(3)}
    channels = 3
    for layer in names:
        tensors[f"conv{layer}.weight"] = torch.randn(4, channels, 3, 3, generator=generator)
        tensors[f"conv{layer}.bias"] = torch.zeros(4)
        channels = 4
    save_file(tensors, tmp_path / "narrow.safetensors")
    maps = network("vgg19", tmp_path / "narrow.safetensors").features(torch.rand(1, 3, 64, 64))
    assert [64 // features.shape[2] for features in maps] == [1, 2, 4, 8, 16]
    with pytest.raises(FileNotFoundError):
        network("vgg19", tmp_path / "missing.safetensors")
