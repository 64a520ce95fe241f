"""Photos for training, wherever they lie: a folder, a glob, a manifest, Parquet with encoded images; local or a URL.

pyarrow and fsspec are imported only for what needs them.
"""

from __future__ import annotations

import csv
import io
import json
import posixpath
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}
MAGIC = set("*?[")


class Photos(Sequence[Pixels]):
    """Encoded photos, decoded when asked for: (H, W, 3) uint8 RGB.

    source: a folder (searched recursively), a glob, an image, a Parquet file with encoded images in `column`, or a
    manifest (.csv, .jsonl, Parquet) with a column `image`: paths or URLs, relative ones to the manifest's folder. All may
    be local or any fsspec URL. Order is by name (a manifest's is its own), so that a seed means the same photos again.
    Images in Parquet are held encoded in memory, files are read when asked for.

    Raises FileNotFoundError when there is no photo, ValueError for a manifest without its column, and from `[]` for a
    photo that cannot be decoded; OSError from `[]` for one that cannot be read.
    """

    def __init__(self, source: str | Path, column: str = "webp") -> None:
        self._column = column
        self._system, names = _listed(str(source))
        self._encoded: list[bytes | str] = [name for name in names if _suffix(name) in SUFFIXES]
        for name in names:
            if _suffix(name) == ".parquet":
                self._encoded += self._of_parquet(name)
        if len(names) == 1 and _suffix(names[0]) in (".csv", ".jsonl"):
            self._encoded += self._of_text(names[0])
        if not self._encoded:
            raise FileNotFoundError(f"no photos in {source}")

    def __len__(self) -> int:
        return len(self._encoded)

    def __getitem__(self, index: int) -> Pixels:  # type: ignore[override]  # slices are of no use here
        encoded = self._encoded[index]
        data = self._read(encoded) if isinstance(encoded, str) else encoded
        try:
            decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        except cv2.error:  # more pixels than OpenCV's limit
            decoded = None
        if decoded is None:
            raise ValueError(f"photo {encoded if isinstance(encoded, str) else index} cannot be decoded")
        return np.ascontiguousarray(decoded[..., ::-1], dtype=np.uint8)

    def _read(self, name: str) -> bytes:
        if "://" in name:
            import fsspec

            with fsspec.open(name, "rb") as file:
                data: bytes = file.read()
                return data
        return Path(name).read_bytes() if self._system is None else bytes(self._system.cat_file(name))

    def _of_parquet(self, name: str) -> Iterable[bytes | str]:
        import pyarrow.parquet

        file = pyarrow.parquet.ParquetFile(io.BytesIO(self._read(name)))
        names = file.schema_arrow.names
        if self._column in names:
            return list(file.read(columns=[self._column])[self._column].to_pylist())
        if "image" not in names:
            raise ValueError(f"{name}: neither a column {self._column!r} with images nor `image` with their places")
        return [_beside(name, place) for place in file.read(columns=["image"])["image"].to_pylist()]

    def _of_text(self, name: str) -> Iterable[str]:
        text = self._read(name).decode("utf-8-sig")
        if _suffix(name) == ".csv":
            rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text)))
        else:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        if not all(row.get("image") for row in rows):
            raise ValueError(f"{name}: a row without `image`")
        return [_beside(name, row["image"]) for row in rows]


def _listed(source: str) -> tuple[Any, list[str]]:
    """The file system (None: this machine's) and the files' names, sorted."""
    if "://" in source:
        import fsspec

        system, root = fsspec.core.url_to_fs(source)
        if MAGIC & set(root):
            return system, sorted(system.glob(root))
        return system, sorted(system.find(root)) if system.isdir(root) else [root]
    path = Path(source)
    if path.is_dir():
        return None, [str(file) for file in sorted(path.rglob("*")) if file.is_file()]
    if path.exists() or not MAGIC & set(source):
        return None, [source]
    depth = next(i for i, part in enumerate(path.parts) if MAGIC & set(part))
    found = Path(*path.parts[:depth]).glob(str(Path(*path.parts[depth:])))
    return None, [str(file) for file in sorted(found) if file.is_file()]


def _beside(manifest: str, place: str) -> str:
    """A place named in a manifest; a relative one starts from the manifest's folder."""
    if "://" in place or place.startswith("/") or Path(place).is_absolute():
        return place
    return posixpath.join(posixpath.dirname(manifest), place) if "/" in manifest else str(Path(manifest).parent / place)


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()
