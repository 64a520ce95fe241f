"""torch's zip archives: what `torch.save` has written since 1.6, and TorchScript files.

Entries lie in one folder, whatever its name: `data.pkl` (the object), `data/KEY` (a storage each), `byteorder`; in a
TorchScript file also `code/`, which is never looked at, and `constants.pkl`.
"""

from __future__ import annotations

import errno
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from models.checkpoint.pickles import Pickle, read_pickle
from models.checkpoint.stored import Storage
from models.weights import WeightsInvalid

MAX_PICKLE = 64 << 20  # bytes; big-lama's, optimiser included, has less than 1 MB


class Archive:
    """An open archive; a context manager. Raises WeightsInvalid for a file that is none, or is damaged."""

    def __init__(self, path: Path) -> None:
        with damaged(path):
            self._zip = zipfile.ZipFile(path)
        self._path = path
        self._entries = {info.filename: info for info in self._zip.infolist()}
        found = [name for name in self._zip.namelist() if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(found) != 1:
            self._zip.close()
            raise WeightsInvalid(f"{path.name}: a zip file, but not one of torch's")
        self._folder = found[0].removesuffix("data.pkl")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def is_torchscript(self) -> bool:
        """Whether the object is a scripted or traced module rather than plain data."""
        return self._folder + "constants.pkl" in self._entries

    def pickle(self) -> Pickle:
        """The archive's object. Raises WeightsInvalid."""
        order = self._folder + "byteorder"
        if order in self._entries and self._read(order, 16) != b"little":
            raise WeightsInvalid(f"{self._path.name}: written on a big-endian machine")
        return read_pickle(io.BytesIO(self._read(self._folder + "data.pkl", MAX_PICKLE)))

    def storage(self, storage: Storage) -> bytearray:
        """The bytes of one storage. Raises WeightsInvalid when the archive has others."""
        name = f"{self._folder}data/{storage.key}"
        if self._size(name) != storage.size:
            raise WeightsInvalid(f"{self._path.name}: {name} has {self._size(name)} bytes, not {storage.size}")
        return self._read(name, storage.size)

    def _size(self, name: str) -> int:
        info = self._entries.get(name)
        if info is None:
            raise WeightsInvalid(f"{self._path.name}: {name} is missing")
        return info.file_size

    def _read(self, name: str, most: int) -> bytearray:
        size = self._size(name)
        if size > most:
            raise WeightsInvalid(f"{self._path.name}: {name} has {size} bytes")
        with damaged(self._path), self._zip.open(name) as file:
            # grows with what is really there: the announced size may be a lie
            data = bytearray()
            while part := file.read(1 << 20):
                data += part
            if len(data) != size:
                raise EOFError(f"{name} ends early")
            return data


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """What reading a damaged zip file may raise becomes WeightsInvalid; errors of the disk and missing files stay."""
    try:
        yield
    except _DAMAGE as error:
        odd = isinstance(error, OSError) and error.errno != errno.EINVAL  # EINVAL: an offset that cannot be
        if odd or isinstance(error, WeightsInvalid):
            raise
        raise WeightsInvalid(f"{path.name}: a damaged or encrypted zip file: {error}") from error


_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(RuntimeError, ValueError, LookupError, OverflowError),
)
