"""Named tensors of a file, whatever its format; read one by one, when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from torch import Tensor

from models.checkpoint.archive import Archive
from models.checkpoint.layout import Shape
from models.checkpoint.legacy import MAGIC, LegacyFile
from models.checkpoint.pickles import Global
from models.checkpoint.safe import SafeFile
from models.checkpoint.state import module_tensors, state_dict
from models.checkpoint.stored import Storage, StoredTensor
from models.lama import LamaConfig
from models.weights import WeightsInvalid

# Nothing is called, whatever a pickle names; but a file that asks for these is no checkpoint that went wrong.
HOSTILE_MODULES = {
    *("os", "posix", "nt", "sys", "subprocess", "commands", "pty", "shutil", "socket", "ctypes", "importlib", "runpy"),
}
HOSTILE_BUILTINS = {"eval", "exec", "execfile", "compile", "open", "__import__"}


class Source(Protocol):
    """What `opened` gives. config and about: what one of our own files says of itself, else None and nothing."""

    format: str
    config: LamaConfig | None
    about: Mapping[str, object]
    shapes: Mapping[str, Shape]

    def read(self, name: str) -> Tensor: ...


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """The tensors of a checkpoint of torch's (zip or legacy), a TorchScript file or a safetensors file.

    Raises FileNotFoundError, WeightsInvalid.
    """
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
    if head.startswith(b"PK"):
        with Archive(path) as archive:
            found = archive.pickle()
            _refuse_hostile(path, found.globals)
            if archive.is_torchscript:
                yield _TorchSource("torchscript", archive, module_tensors(found.root))
            else:
                yield _TorchSource("checkpoint", archive, state_dict(found.root))
    elif head == MAGIC:
        with LegacyFile(path) as legacy:
            found = legacy.pickle()
            _refuse_hostile(path, found.globals)
            yield _TorchSource("checkpoint", legacy, state_dict(found.root))
    elif head[8:9] == b"{":
        with SafeFile(path) as safe:
            yield safe
    else:
        raise WeightsInvalid(f"{path.name}: neither a checkpoint of torch's, nor TorchScript, nor safetensors")


class _TorchSource:
    """Tensors of torch's own formats."""

    def __init__(self, form: str, file: Archive | LegacyFile, tensors: Mapping[str, StoredTensor]) -> None:
        self.format = form
        self.config: LamaConfig | None = None
        self.about: Mapping[str, object] = {}
        self.shapes: Mapping[str, Shape] = {name: tensor.shape for name, tensor in tensors.items()}
        self._file, self._tensors = file, tensors
        self._last: tuple[Storage | None, bytearray] = (None, bytearray())

    def read(self, name: str) -> Tensor:
        """One tensor, of the type that the file has; it may share its memory with others."""
        tensor = self._tensors[name]
        if self._last[0] != tensor.storage:  # views of one storage usually follow one another
            self._last = (tensor.storage, self._file.storage(tensor.storage))
        return tensor.view(self._last[1])


def _refuse_hostile(path: Path, named: frozenset[Global]) -> None:
    for name in sorted(named, key=str):
        builtin = name.module in ("builtins", "__builtin__") and name.name in HOSTILE_BUILTINS
        if builtin or name.module.split(".")[0] in HOSTILE_MODULES:
            raise WeightsInvalid(f"{path.name}: asks to call {name}, as no checkpoint does; nothing was run")
