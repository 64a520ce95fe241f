from __future__ import annotations

import contextlib
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from models.checkpoint.generator import read_generator
from models.checkpoint.legacy import MAGIC
from models.checkpoint.source import opened
from models.weights import WeightsInvalid


class Call:
    """Pickles to a call of `function` with `arguments`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call

    def __call__(self) -> None:
        raise AssertionError


class Name:
    """Pickles to `module.name`, which need not exist here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self) -> None:
        raise AssertionError


class Pickler(pickle._Pickler):  # type: ignore[name-defined] # the one whose writing of names can be changed
    def save(self, obj: Any, *rest: Any) -> None:
        if isinstance(obj, Name):
            self.write(f"c{obj.module}\n{obj.name}\n".encode())
        else:
            super().save(obj, *rest)


def dumped(tree: object) -> bytes:
    out = io.BytesIO()
    Pickler(out, 2).dump(tree)
    return out.getvalue()


def attacks(canary: Path) -> dict[str, object]:
    """Objects whose unpickling would make the file `canary`, by ways that attackers have used."""
    touch = f"touch {canary}"
    code = f"open({str(canary)!r}, 'w').close()"
    class_with_init = Name("builtins", "type")
    return {
        "os.system": Call(os.system, touch),
        "builtins.eval": Call(eval, code),
        "builtins.exec": Call(exec, code),
        "Path.touch": Call(Path.touch, canary),
        "subprocess": Call(__import__("subprocess").check_call, ["touch", str(canary)]),
        "a chain": Call(map, Call(getattr, Name("os", "path"), "join"), [Call(os.system, touch)]),
        "getattr": Call(Call(getattr, Name("os", "environ"), "__init__"), Call(os.system, touch)),
        "type": Call(class_with_init, "X", (), {"__init__": Call(os.system, touch)}),
        "torch.load": Call(torch.load, str(canary.with_suffix(".pt")), None, Name("pickle", "")),
        "torch.hub": Call(Name("torch.hub", "load"), str(canary), "x"),
        "torch._utils": Call(Name("torch._utils", "_rebuild_tensor_v2"), Call(eval, code), 0, (1,), (1,), False, None),
        "torch.jit": Call(Name("torch.jit", "load"), str(canary.with_suffix(".pt"))),
        "numpy": Call(Name("numpy.testing._private.utils", "runstring"), code, {}),
    }


KINDS = tuple(attacks(Path("x")))


def boxed(path: Path, data: bytes, box: str) -> Path:
    """`data`, a pickle, in a file of some format."""
    if box == "bare":
        path.write_bytes(data)
    elif box == "legacy":
        path.write_bytes(MAGIC + pickle.dumps(1001, 2) + dumped({"little_endian": True}) + data + dumped([]))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/data.pkl", data)
            archive.writestr("x/code/__torch__.py", f"open({str(path.with_name('canary'))!r}, 'w')")
            if box == "torchscript":
                archive.writestr("x/constants.pkl", data)
    return path


@pytest.mark.parametrize("box", ["bare", "legacy", "zip", "torchscript"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_malicious_pickle_in_place_of_a_checkpoint_is_refused_and_runs_nothing(tmp_path, box, kind):
    canary = tmp_path / "canary"
    torch.save(Call(os.system, f"touch {canary}"), canary.with_suffix(".pt"))  # for what would load another file
    attack = attacks(canary)[kind]
    for tree in (
        attack,
        {"state_dict": attack},
        {"state_dict": {"generator.model.1.ffc.convl2l.weight": attack}},
        {"state_dict": {}, "callbacks": [attack]},
    ):
        path = boxed(tmp_path / "x.ckpt", dumped(tree), box)
        with pytest.raises(WeightsInvalid):
            read_generator(path)
        assert not canary.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_beside_a_sound_generator_it_runs_nothing_either(official, tmp_path, kind):
    canary = tmp_path / "canary"
    path = official() / "models" / "best.ckpt"
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    # in front of the dictionary that was there: made, and dropped again
    entries["best/data.pkl"] = dumped(attacks(canary)[kind])[:-1] + b"0" + entries["best/data.pkl"]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    try:
        found = read_generator(path.parents[1])
    except WeightsInvalid as refused:
        assert "nothing was run" in str(refused)
    else:
        assert kind in (
            "Path.touch",
            "type",
            "torch.hub",
            "torch.load",
            "torch.jit",
            "numpy",
            "torch._utils",
            "getattr",
        )
        assert found.weights.build() is not None
    assert not canary.exists()


def test_the_attacks_are_real(tmp_path):
    """With Python's own unpickler the canary sings."""
    for kind in ("os.system", "builtins.eval", "builtins.exec", "Path.touch", "subprocess", "type"):
        canary = tmp_path / kind
        with contextlib.suppress(TypeError):
            pickle.loads(dumped(attacks(canary)[kind]))
        assert canary.exists(), kind


def test_tensors_are_read_when_asked_for(official, monkeypatch):
    path = official() / "models" / "best.ckpt"
    with opened(path) as source:
        assert source.format == "checkpoint"
        assert source.shapes["loss_resnet_pl.impl.conv1.weight"] == (9,)
        asked = []
        read = source._file.storage  # type: ignore[attr-defined]
        monkeypatch.setattr(source._file, "storage", lambda storage: (asked.append(storage.key), read(storage))[1])  # type: ignore[attr-defined]
        source.read("generator.model.1.ffc.convl2l.weight")
        assert len(asked) == 1


def test_files_of_another_kind_are_refused(tmp_path):
    for data in (b"", b"GIF89a" * 10, b"\x80\x04N.", b"PK\x03\x04" + bytes(100)):
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(WeightsInvalid), opened(tmp_path / "x"):
            pass
