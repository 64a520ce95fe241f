from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from models.checkpoint.legacy import MAGIC, LegacyFile
from models.checkpoint.pickles import mapping
from models.checkpoint.stored import Storage, stored_tensor
from models.weights import WeightsInvalid


def saved(path: Path, tensors: object) -> Path:
    torch.save(tensors, path, _use_new_zipfile_serialization=False)
    return path


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool]
)
def test_tensors_come_back(tmp_path, dtype):
    whole = torch.arange(24).to(dtype)
    tensors = {
        "a": whole[4:10].view(2, 3),
        "b": whole.view(4, 6).t(),
        "c": torch.ones(3, dtype=dtype),
        "e": torch.zeros(0),
    }
    with LegacyFile(saved(tmp_path / "x", tensors)) as file:
        root = mapping(file.pickle().root)
        for name, tensor in tensors.items():
            found = stored_tensor(root[name])
            assert found is not None
            assert torch.equal(found.view(file.storage(found.storage)), tensor)


def test_a_storage_of_another_type_or_name_is_refused(tmp_path):
    with LegacyFile(saved(tmp_path / "x", {"a": torch.ones(4)})) as file:
        found = stored_tensor(mapping(file.pickle().root)["a"])
        assert found is not None
        key = found.storage.key
        for other in (Storage(key, torch.float64, 2), Storage(key, torch.float32, 3), Storage("0", torch.float32, 4)):
            with pytest.raises(WeightsInvalid, match="missing or another"):
                file.storage(other)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02N.",
        MAGIC,
        MAGIC + pickle.dumps(1000, 2),
        MAGIC + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": False}, 2) + b"N.N.",
        MAGIC + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2) + b"N." + pickle.dumps(["0"], 2),
        MAGIC + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2) + b"N." + pickle.dumps([[[]]], 2),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(WeightsInvalid), LegacyFile(tmp_path / "x") as file:
        file.pickle()


def test_every_cut_is_noticed(tmp_path):
    data = saved(tmp_path / "x", {"a": torch.ones(4), "b": torch.ones(5)}).read_bytes()
    for size in range(0, len(data), 3):
        (tmp_path / "y").write_bytes(data[:size])
        with pytest.raises(WeightsInvalid), LegacyFile(tmp_path / "y") as file:
            file.pickle()
