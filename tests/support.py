"""Archives to restore, the command to restore them with, and what must be equal between two sinks."""

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import fsspec
import numpy as np
import pyarrow.parquet as pq

from tasks.publish.schema import VOLATILE

SUFFIXES = (".png", ".jpg", ".tif", ".webp")
# What a sink holds of another sink's place rather than of its content.
PLACES = ("image", "mask", "image_version", "mask_version")


def photo(height: int, width: int, seed: int, channels: int = 3) -> np.ndarray:
    """Something smooth with edges and grain, (H, W, C) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(rng.uniform(2, 9) * x + rng.uniform(2, 9) * y + c) for c in range(channels)]
    picture = np.stack(waves, axis=2) * 80 + 128 + (x > rng.uniform(0.3, 0.7))[:, :, None] * 40
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def spots(height: int, width: int, seed: int, count: int = 2) -> np.ndarray:
    """A mask (H, W) uint8 with a few white ellipses."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(count):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        axes = (int(rng.integers(3, 9)), int(rng.integers(3, 9)))
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
    return mask


def encoded(pixels: np.ndarray, suffix: str) -> bytes:
    """The bytes of an image file."""
    done, data = cv2.imencode(suffix, pixels if pixels.ndim == 2 or pixels.shape[2] != 1 else pixels[:, :, 0])
    assert done
    return data.tobytes()


def decoded(data: bytes) -> np.ndarray:
    """(H, W[, C]) as stored."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    assert pixels is not None
    return np.asarray(pixels)


@dataclass(frozen=True)
class Archive:
    """Images and masks under two roots."""

    images: str
    masks: str

    def put(self, name: str, image: bytes, mask: bytes | None) -> None:
        """Add an image and, beside it in the other root, its mask."""
        write(f"{self.images}/{name}", image)
        if mask is not None:
            write(f"{self.masks}/{Path(name).with_suffix('.png')}", mask)

    def add(self, count: int, seed: int = 0, size: tuple[int, int] = (96, 128), holes: int = 2) -> None:
        """`count` pictures of mixed formats, one in seven with an empty mask."""
        for number in range(seed, seed + count):
            mask = spots(*size, number, holes) if number % 7 != 6 else np.zeros(size, np.uint8)
            name = f"box {number % 3}/picture {number:03d}{SUFFIXES[number % len(SUFFIXES)]}"
            self.put(name, encoded(photo(*size, number), Path(name).suffix), encoded(mask, ".png"))


def archive(root: str, count: int = 0, **kwargs: Any) -> Archive:
    """An archive under `root` (path or URL) with `count` pictures."""
    made = Archive(f"{root}/images", f"{root}/masks")
    made.add(count, **kwargs)
    return made


def write(url: str, data: bytes) -> None:
    """Put an object, folders made."""
    filesystem, path = fsspec.core.url_to_fs(url)
    filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
    filesystem.pipe_file(path, data)


def read_sink(sink: str) -> dict[str, bytes]:
    """Relative path -> bytes of all that a sink holds. By the environment of now: a cached instance may mean another server."""
    filesystem, root = fsspec.core.url_to_fs(sink, skip_instance_cache=True)
    found = [p for p in filesystem.find(root) if "/." not in p[len(root) :]]
    return {p[len(root) :].lstrip("/"): filesystem.cat_file(p) for p in found}


def rows(sink: str, folder: str = "results") -> list[dict[str, Any]]:
    """All rows under `folder`, in the order of item_id."""
    tables = [pq.read_table(io.BytesIO(d)) for p, d in sorted(read_sink(sink).items()) if p.startswith(folder + "/")]
    found = [row for table in tables for row in table.to_pylist()]
    return sorted(found, key=lambda row: (row["item_id"], row.get("hole", 0)))


def content(sink: str) -> dict[str, Any]:
    """What must be equal between two runs that did the same: outputs byte for byte, rows but for who, when and where."""
    files = read_sink(sink)
    commits = {row["commit_id"] for row in rows(sink)}
    return {
        "images": {p: d for p, d in files.items() if p.startswith("images/")},
        "rows": [{k: v for k, v in r.items() if k not in (*VOLATILE, *PLACES)} for r in rows(sink)],
        "holes": [
            {k: v for k, v in r.items() if k != "commit_id"} for r in rows(sink, "holes") if r["commit_id"] in commits
        ],
    }


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command, started in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, **environment},
    )


def lacuna(*arguments: str, expect: int = 0, **environment: str) -> dict[str, Any]:
    """Run the command with --json to its end; the object of its last line."""
    process = start(*arguments, "--json", **environment)
    out, err = process.communicate()
    assert process.returncode == expect, f"exit code {process.returncode}, expected {expect}\n{out}\n{err}"
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return result
