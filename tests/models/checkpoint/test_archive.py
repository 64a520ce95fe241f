from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from models.checkpoint.archive import MAX_PICKLE, Archive
from models.checkpoint.stored import Storage, stored_tensor
from models.weights import WeightsInvalid


def packed(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def test_an_object_and_its_storages(tmp_path):
    tensor = torch.arange(5, dtype=torch.float16)
    torch.save({"a": tensor}, tmp_path / "x.pt")
    with Archive(tmp_path / "x.pt") as archive:
        assert not archive.is_torchscript
        found = stored_tensor(archive.pickle().root["a"])
        assert found is not None
        assert torch.equal(found.view(archive.storage(found.storage)), tensor)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("folder", ["", "archive/", "a/b/"])
def test_whatever_the_folder_is_called(tmp_path, folder, method):
    entries = {f"{folder}data.pkl": pickle.dumps([1]), f"{folder}data/k": b"12345678", f"{folder}constants.pkl": b""}
    with Archive(packed(tmp_path / "x", entries, method)) as archive:
        assert archive.is_torchscript
        assert archive.pickle().root == [1]
        assert archive.storage(Storage("k", torch.float32, 2)) == b"12345678"
        for key, numel in (("k", 3), ("absent", 1)):
            with pytest.raises(WeightsInvalid, match=key):
                archive.storage(Storage(key, torch.float32, numel))


def test_what_is_not_torchs_is_refused(tmp_path):
    for entries in ({"x": b""}, {"a/data.pkl": b"N.", "b/data.pkl": b"N."}):
        with pytest.raises(WeightsInvalid, match="not one of torch's"):
            Archive(packed(tmp_path / "x", entries))
    for entries, said in (
        ({"a/data.pkl": b"N.", "a/byteorder": b"big"}, "big-endian"),
        ({"a/data.pkl": b"N"}, "not a pickle"),
        ({"a/data.pkl": bytes(MAX_PICKLE + 1)}, "bytes"),
    ):
        with (
            Archive(packed(tmp_path / "x", entries, zipfile.ZIP_DEFLATED)) as archive,
            pytest.raises(WeightsInvalid, match=said),
        ):
            archive.pickle()


def test_a_changed_byte_is_noticed(tmp_path):
    torch.save({"a": torch.zeros(1000)}, tmp_path / "x.pt")
    data = bytearray((tmp_path / "x.pt").read_bytes())
    at = data.index(bytes(4000)) + 100
    data[at] ^= 1
    (tmp_path / "x.pt").write_bytes(data)
    with Archive(tmp_path / "x.pt") as archive, pytest.raises(WeightsInvalid, match="damaged"):
        archive.storage(Storage("0", torch.float32, 1000))


def test_sizes_that_are_lies_cost_no_memory(tmp_path):
    path = packed(tmp_path / "x", {"a/data.pkl": b"N.", "a/data/0": bytes(8)})
    data = path.read_bytes()
    claimed = (1 << 31).to_bytes(4, "little")
    at = data.rindex(b"PK\x01\x02")  # the last entry of the directory: data/0
    path.write_bytes(data[: at + 24] + claimed + data[at + 28 :])
    with Archive(path) as archive, pytest.raises(WeightsInvalid):
        archive.storage(Storage("0", torch.float32, 1 << 29))


def test_damaged_archives_are_refused(tmp_path):
    torch.save({"a": torch.zeros(3)}, tmp_path / "x.pt")
    good = (tmp_path / "x.pt").read_bytes()
    for at in range(0, len(good), 7):
        (tmp_path / "y.pt").write_bytes(good[:at] + b"\xa5" + good[at + 1 :])
        try:
            with Archive(tmp_path / "y.pt") as archive:
                root = archive.pickle().root
                tensor = stored_tensor(root.get("a")) if isinstance(root, dict) else None
                if tensor is not None:
                    tensor.view(archive.storage(tensor.storage))
        except WeightsInvalid:
            pass


def test_a_missing_file_stays_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        Archive(tmp_path / "nothing")
