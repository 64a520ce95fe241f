"""The format of `torch.save` before 1.6: pickles one after another, then the storages.

In order: a magic number, the protocol, facts about the machine, the object, the keys of the storages; then for each key
the number of its elements (8 bytes) and the elements themselves.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Self

from models.checkpoint.pickles import Pickle, mapping, read_pickle
from models.checkpoint.stored import Storage, stored_storage
from models.weights import WeightsInvalid

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
PROTOCOL = 1001


class LegacyFile:
    """An open file; a context manager. Raises WeightsInvalid for a file that is none, or ends early."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise WeightsInvalid(f"{path.name}: no checkpoint of torch's")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._starts: dict[str, tuple[int, Storage]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._map.close()

    def pickle(self) -> Pickle:
        """The file's object. Raises WeightsInvalid."""
        self._map.seek(len(MAGIC))
        protocol, machine = read_pickle(self._map).root, read_pickle(self._map).root
        if protocol != PROTOCOL or mapping(machine).get("little_endian") is not True:
            raise WeightsInvalid(f"{self._path.name}: of an unknown protocol or of a big-endian machine")
        found = read_pickle(self._map)
        self._find(found, read_pickle(self._map).root)
        return found

    def storage(self, storage: Storage) -> bytearray:
        """The bytes of one storage. Raises WeightsInvalid when the file has others."""
        start, known = self._starts.get(storage.key, (0, None))
        if known != storage:
            raise WeightsInvalid(f"{self._path.name}: storage {storage.key} is missing or another one")
        return bytearray(self._map[start : start + storage.size])

    def _find(self, pickle: Pickle, keys: object) -> None:
        """Where each storage begins; their types, and so their sizes, are known to the object's pickle only."""
        announced = {s.key: s for s in map(stored_storage, pickle.persistent) if s is not None}
        at = self._map.tell()
        for key in keys if isinstance(keys, list) else ():
            storage = announced.get(key) if isinstance(key, str) else None
            count = int.from_bytes(self._map[at : at + 8], "little")
            if storage is None or count != storage.numel or at + 8 + storage.size > len(self._map):
                raise WeightsInvalid(f"{self._path.name}: a storage is cut off or unknown")
            self._starts[storage.key] = (at + 8, storage)
            at += 8 + storage.size
