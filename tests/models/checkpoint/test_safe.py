from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from models.checkpoint.safe import SafeFile
from models.lama import LamaConfig
from models.weights import WeightsInvalid, save_weights


def test_somebodys_file(tmp_path):
    tensors = {"a.b": torch.rand(2, 3), "c": torch.ones(1, dtype=torch.float16)}
    save_file(tensors, tmp_path / "x", {"format": "pt"})
    with SafeFile(tmp_path / "x") as file:
        assert (file.format, file.config, file.about) == ("safetensors", None, {})
        assert file.shapes == {"a.b": (2, 3), "c": (1,)}
        assert all(torch.equal(file.read(name), tensor) for name, tensor in tensors.items())


def test_our_file_says_what_it_is(tmp_path):
    config = LamaConfig(ngf=4, spectral=("l2g", "g2g"))
    save_weights(tmp_path / "x", config, {"a": torch.rand(2)}, {"licence": "CC0"})
    with SafeFile(tmp_path / "x") as file:
        assert (file.config, file.about) == (config, {"licence": "CC0"})


@pytest.mark.parametrize("metadata", [{"config": "{"}, {"config": '{"colour": 1}'}, {"config": "{}", "about": "[1]"}])
def test_a_header_that_makes_no_sense_is_refused(tmp_path, metadata):
    save_file({"a": torch.rand(2)}, tmp_path / "x", metadata)
    with pytest.raises(WeightsInvalid):
        SafeFile(tmp_path / "x")


@pytest.mark.parametrize("data", [b"", b"12345678{", b"\x02\0\0\0\0\0\0\0{}x", b"\xff" * 20])
def test_what_is_no_such_file_is_refused(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(WeightsInvalid):
        SafeFile(tmp_path / "x")
