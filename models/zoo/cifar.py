"""CIFAR-10 (A. Krizhevsky, 2009) as photos: its official archive or folder, read without running anything in it.

The batches are Python pickles. They are read as data by `models.checkpoint.pickles`, which can call nothing.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from models.checkpoint.pickles import Made, mapping, read_pickle
from models.training.photos import Photos, Pixels
from models.weights import WeightsInvalid

TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = ("test_batch",)
SIDE = 32
MAX_BATCH = 1 << 26  # bytes; a batch has 31 MB


class Cifar10(Sequence[Pixels]):
    """Its pictures, (32, 32, 3) uint8 RGB, in the order of the batches; `train`: the five of training, else the test's.

    place: `cifar-10-python.tar.gz`, or a folder with the batches in it or below it.
    Raises FileNotFoundError without a batch, ValueError for one that is something else.
    """

    def __init__(self, place: Path, train: bool = True) -> None:
        wanted = TRAIN if train else TEST
        batches = {name: data for name, data in _files(place) if name in wanted}
        if not batches:
            raise FileNotFoundError(f"{place}: no batch of CIFAR-10 ({wanted[0]} …)")
        self._pixels = np.concatenate([read_batch(batches[name]) for name in wanted if name in batches])

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, index: int) -> Pixels:  # type: ignore[override]  # slices are of no use here
        picture: Pixels = self._pixels[index]
        return picture


def photos_of(source: str, column: str, *, train: bool) -> Sequence[Pixels]:
    """`Cifar10` where the source is it, else `models.training.photos.Photos`. Raises what they raise."""
    path = Path(source)
    if path.name.endswith((".tar.gz", ".tgz", ".tar")):
        return Cifar10(path, train)
    names = (*TRAIN, *TEST)
    if path.is_dir() and any(path.glob(f"**/{name}") for name in names):
        there = {found.name for found in path.rglob("*_batch*") if found.is_file()}
        if there & set(names):
            return Cifar10(path, train)
    return Photos(source, column)


def read_batch(data: bytes) -> npt.NDArray[np.uint8]:
    """A batch's pictures (N, 32, 32, 3): its entry `data` is an array (N, 3072) of planes. Raises ValueError."""
    try:
        entries = mapping(read_pickle(io.BytesIO(data)).root)
    except WeightsInvalid as error:
        raise ValueError(f"not a batch of CIFAR-10: {error}") from error
    raw = next((value for key, value in entries.items() if key in ("data", b"data")), None)
    rows = _array(raw)
    if rows is None or rows.ndim != 2 or rows.shape[1] != 3 * SIDE * SIDE:
        raise ValueError("not a batch of CIFAR-10: no array `data` of 3072 bytes a picture")
    return np.ascontiguousarray(rows.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1))


def _array(node: object) -> npt.NDArray[np.uint8] | None:
    """A pickled numpy array of bytes: its state is (version, shape, dtype, Fortran order, bytes)."""
    if not isinstance(node, Made) or not isinstance(node.state, tuple) or len(node.state) != 5:
        return None
    _, shape, kind, fortran, raw = node.state
    if isinstance(raw, Made):  # protocol 2 of Python 3 writes bytes as `_codecs.encode(text, "latin1")`
        raw = raw.arguments[0] if isinstance(raw.arguments, tuple) and raw.arguments else None
    if isinstance(raw, str):  # bytes of Python 2
        try:
            raw = raw.encode("latin-1")
        except UnicodeEncodeError:
            return None
    named = kind.arguments[0] if isinstance(kind, Made) and isinstance(kind.arguments, tuple) and kind.arguments else ""
    plain = isinstance(shape, tuple) and all(isinstance(side, int) and side >= 0 for side in shape)
    if named not in ("u1", b"u1") or fortran or not plain or not isinstance(raw, bytes):
        return None
    found = np.frombuffer(raw, np.uint8)
    return found.reshape(shape) if len(shape) and found.size == int(np.prod(shape, dtype=np.int64)) else None


def _files(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for path in sorted(place.rglob("*_batch*")):
            if path.name in (*TRAIN, *TEST) and path.stat().st_size <= MAX_BATCH:
                yield path.name, path.read_bytes()
        return
    try:
        with tarfile.open(place) as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                file = archive.extractfile(member) if member.isfile() and member.size <= MAX_BATCH else None
                if file is not None and name in (*TRAIN, *TEST):
                    yield name, file.read()
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise ValueError(f"{place.name}: not an archive: {error}") from error
