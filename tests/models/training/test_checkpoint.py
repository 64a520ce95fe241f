from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.training.checkpoint import NAME, read_checkpoint, read_plain, write_checkpoint

CPU = torch.device("cpu")


class Explosive:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


def test_what_is_written_is_read(tmp_path):
    assert read_checkpoint(tmp_path, CPU) is None
    state = {"model": {"w": torch.rand(3)}, "critic": None, "step": 7, "elapsed_s": 1.5, "spectral": ("g2g",)}
    write_checkpoint(tmp_path, {"step": 1})
    write_checkpoint(tmp_path, state)
    found = read_checkpoint(tmp_path, CPU)
    assert torch.equal(found["model"].pop("w"), state["model"].pop("w")) and found == state
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_nothing_in_a_file_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Explosive()}, tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Explosive()))
    for name in ("a.pt", "b.pt"):
        with pytest.raises(ValueError, match=name):
            read_plain(tmp_path / name)
    assert not Path("exploded").exists()


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=60), cut=st.integers(0, 400))
def test_damaged_files_are_refused(tmp_path_factory, data, cut):
    folder = tmp_path_factory.mktemp("c")
    write_checkpoint(folder, {"step": 3})
    whole = (folder / NAME).read_bytes()
    for damaged in (data, whole[: min(cut, len(whole) - 30)]):
        (folder / NAME).write_bytes(damaged)
        with pytest.raises(ValueError, match="not a file of plain tensors"):
            read_checkpoint(folder, CPU)
