from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.training.features import feature_network, normalised, read_tensors
from models.training.loss_settings import EncoderSettings


def test_networks_by_name(encoder, resnet):
    image = torch.rand(1, 3, 64, 64)
    assert len(feature_network(EncoderSettings(weights=encoder)).features(image)) == 5
    assert len(feature_network(EncoderSettings(network="resnet50-dilated", weights=resnet)).features(image)) == 4
    with pytest.raises(KeyError):  # another structure
        feature_network(EncoderSettings(network="vgg19-torchvision", weights=encoder))
    with pytest.raises(ValueError, match="resnet50-dilated"):
        feature_network(EncoderSettings(network="enormous", weights=encoder))


def test_a_network_of_one_s_own(monkeypatch, tmp_path):
    class Blurred:
        def __init__(self, path: Path) -> None:
            self.path = path

        def features(self, image):
            return [torch.nn.functional.avg_pool2d(image, 4)]

    module = types.ModuleType("somebody")
    module.make = Blurred
    monkeypatch.setitem(sys.modules, "somebody", module)
    network = feature_network(EncoderSettings(network="somebody:make", weights=tmp_path / "w"))
    assert network.path == tmp_path / "w" and network.features(torch.rand(1, 3, 8, 8))[0].shape == (1, 3, 2, 2)


def test_both_file_formats_hold_the_same(encoder, tmp_path):
    tensors = load_file(encoder)
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in tensors.items()}}, tmp_path / "e.pth")
    again = read_tensors(tmp_path / "e.pth")
    assert again.keys() == tensors.keys() and all(torch.equal(again[name], tensors[name]) for name in tensors)


class Explosive:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_other_files_are_refused_and_nothing_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.safetensors").write_bytes(b"junk")
    Path("b.pth").write_bytes(b"junk")
    Path("c.pth").write_bytes(pickle.dumps(Explosive()))
    torch.save([1, 2], "d.pth")
    for name in ("a.safetensors", "b.pth", "c.pth", "d.pth"):
        with pytest.raises(ValueError, match=name):
            read_tensors(Path(name))
    assert not Path("exploded").exists()
    with pytest.raises(FileNotFoundError):
        read_tensors(Path("e.pth"))


def test_imagenet_s_mean_becomes_zero():
    image = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    assert normalised(image).abs().max() < 1e-6
