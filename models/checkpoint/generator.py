"""The generator in a checkpoint.

Formats: the official folder (`config.yaml`, `models/best.ckpt`) or a zip file of it; a Lightning or plain checkpoint of
torch's, new or old; TorchScript; safetensors. Only the folder and our own files say what the network is; elsewhere names
and shapes do. Only the generator's tensors are read: what a checkpoint holds besides costs no memory.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from models.checkpoint.archive import damaged
from models.checkpoint.layout import find_prefix, infer_config
from models.checkpoint.source import Source, opened
from models.lama import LamaConfig, parameter_count
from models.official import read_config
from models.weights import COUNTER, Weights, WeightsInvalid, check_shapes

MAX_PARAMETERS = 1_000_000_000  # twenty times big-lama: a small file may announce a network that no memory holds
MAX_CHECKPOINT = 8 << 30  # bytes in a zip file
CHECKPOINT = Path("models", "best.ckpt")


@dataclass(frozen=True)
class Found:
    """A generator from elsewhere. `weights.sha256` is empty: they are no weights file yet.

    format: `official folder`, `checkpoint`, `torchscript`, `safetensors`. left_out: what else the file holds, as the
    first part of the names and how many tensors begin with it. about: what one of our own files says of itself.
    """

    weights: Weights
    format: str
    left_out: Mapping[str, int]
    about: Mapping[str, object]


def read_generator(path: Path) -> Found:
    """The generator in a file or folder, its names, shapes and number of parameters checked; fp32 on the CPU.

    Nothing in it is executed. Raises FileNotFoundError, and WeightsInvalid with what is wrong, missing or left over.
    """
    if path.is_dir():
        config = read_config(path / "config.yaml")
        with opened(path / CHECKPOINT) as source:
            return replace(_taken(path.name, source, config), format="official folder")
    if _is_official_zip(path):
        with _unpacked(path) as folder:
            return read_generator(folder)
    with opened(path) as source:
        return _taken(path.stem, source, source.config)


def _taken(name: str, source: Source, config: LamaConfig | None) -> Found:
    """Read the generator's tensors, after all that can be checked before has been."""
    prefix = find_prefix(source.shapes)
    parts = tuple(f"{prefix}{part}." for part in ("model", "skips", "noise"))
    own = [key for key in source.shapes if key.startswith(parts)]
    shapes = {key.removeprefix(prefix): source.shapes[key] for key in own if not key.endswith(COUNTER)}
    config = config or infer_config(shapes)
    if (count := parameter_count(config)) > MAX_PARAMETERS:
        raise WeightsInvalid(f"{name}: {count:,} parameters are no generator of ours")
    check_shapes(name, config, shapes)
    tensors = {key: _number(key, source.read(prefix + key)) for key in shapes}
    left_out = Counter(key.split(".")[0] for key in source.shapes.keys() - set(own))
    return Found(Weights(name, config, tensors, ""), source.format, dict(sorted(left_out.items())), source.about)


def _number(key: str, tensor: Tensor) -> Tensor:
    """fp32, contiguous, and with no memory but its own."""
    if not tensor.is_floating_point():
        raise WeightsInvalid(f"{key} holds {tensor.dtype}, not numbers of a network")
    made = tensor.to(torch.float32).contiguous()
    made = made.clone() if made.untyped_storage().nbytes() > made.nbytes else made
    if not bool(torch.isfinite(made).all()):
        raise WeightsInvalid(f"{key} holds numbers that are not finite")
    return made


def _is_official_zip(path: Path) -> bool:
    with damaged(path):
        if not path.is_file() or not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.split("/")[-1] == "config.yaml" for name in archive.namelist())


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """The two files of a zipped official folder, in a temporary one of the same name."""
    with tempfile.TemporaryDirectory(prefix="lacuna-") as temporary:
        folder = Path(temporary, path.stem)
        (folder / CHECKPOINT).parent.mkdir(parents=True)
        with damaged(path), zipfile.ZipFile(path) as archive:
            configs = [name for name in archive.namelist() if name.split("/")[-1] == "config.yaml"]
            if len(configs) != 1:
                raise WeightsInvalid(f"{path.name}: holds {len(configs)} models; unpack it and import one folder")
            _extract(archive, configs[0], folder / "config.yaml")
            _extract(archive, configs[0].removesuffix("config.yaml") + CHECKPOINT.as_posix(), folder / CHECKPOINT)
        yield folder


def _extract(archive: zipfile.ZipFile, name: str, target: Path) -> None:
    if archive.getinfo(name).file_size > MAX_CHECKPOINT:
        raise ValueError(f"{name} is too large for a checkpoint")
    with archive.open(name) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
