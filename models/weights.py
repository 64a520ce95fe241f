"""Named weights: where they lie, their sha256, and loading that trusts nothing but names, shapes and numbers.

A weights file is safetensors with three entries of metadata: `config` (JSON of `LamaConfig`), `about` (JSON, free: where
it comes from, its licence) and `digest` (SHA-256 of configuration, names and numbers, so that a file can say whether it
is still what was written); with a fourth, `method`, it is of that method of `models.zoo`, and so is `config`. Embedded
and trained weights have fp16 matrices and fp32 vectors, imported ones fp32 only; a batch norm's step counter is not
kept. This module imports torch only when tensors are asked for, so that a driver can name and hash weights cheaply.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.checkpoint.registry import REGISTRY

if TYPE_CHECKING:
    from torch import Tensor

    from models.lama import Lama, LamaConfig

EMBEDDED = Path(__file__).parent / "embedded"
COUNTER = ".num_batches_tracked"  # of training only
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class WeightsNotFound(ValueError):
    """No weights of this name or at this path; the message lists the known names."""


class WeightsInvalid(ValueError):
    """A file that is not the weights of a generator: damaged, of another format, or with other names or shapes."""


@dataclass(frozen=True)
class Weights:
    """A generator's tensors (fp32, names of `Lama.state_dict`), its configuration, and the file they come from."""

    name: str
    config: LamaConfig
    tensors: Mapping[str, Tensor]
    sha256: str

    def check(self) -> None:
        """Compare names and shapes with those of the configuration. Raises WeightsInvalid with how they differ."""
        check_shapes(self.name, self.config, _shapes(self.tensors))

    def build(self) -> Lama:
        """The generator in evaluation mode, on the CPU; touches no random state. Raises WeightsInvalid."""
        import torch

        model = _fitting(self.name, self.config, _shapes(self.tensors))
        state = {k: v.detach().clone() for k, v in self.tensors.items() if not k.endswith(COUNTER)}
        state |= {k: torch.zeros((), dtype=torch.int64) for k in model.state_dict() if k.endswith(COUNTER)}
        model.load_state_dict(state, assign=True)
        return model.eval()


def weights_home() -> Path:
    """Folder of imported weights: `LACUNA_HOME/weights`."""
    return lacuna_home() / "weights"


def lacuna_home() -> Path:
    """The folder that LACUNA_HOME names; by default one in the user's cache folder."""
    home = os.environ.get("LACUNA_HOME")
    if home:
        return Path(home)
    if sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "lacuna"


def known_weights() -> list[str]:
    """Names that `find_weights` resolves: embedded ones and those in `weights_home()`, sorted."""
    folders = (EMBEDDED, weights_home())
    return sorted({path.stem for folder in folders if folder.is_dir() for path in folder.glob("*.safetensors")})


def find_weights(name: str) -> Path:
    """The file of a name, or the path itself if `name` is one (it ends in `.safetensors` or has a separator).

    Embedded weights win over imported ones of the same name. Raises WeightsNotFound.
    """
    if name.endswith(".safetensors") or "/" in name or os.sep in name:
        if Path(name).is_file():
            return Path(name)
    elif NAME.fullmatch(name):
        for folder in (EMBEDDED, weights_home()):
            path = folder / f"{name}.safetensors"
            if path.is_file():
                return path
    hint = f"; `lacuna weights get {name}` downloads them" if name in {entry.name for entry in REGISTRY} else ""
    raise WeightsNotFound(f"no weights {name!r}; known names: {', '.join(known_weights()) or 'none'}{hint}")


def weights_sha256(name: str) -> str:
    """SHA-256 (hexadecimal) of the file that `name` stands for. Raises WeightsNotFound."""
    with find_weights(name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_weights(name: str) -> Weights:
    """Read a generator's named weights. Nothing in the file is executed. Raises WeightsNotFound, WeightsInvalid."""
    path = find_weights(name)
    tensors, metadata, sha256 = read_file(path)
    try:
        config = config_of(metadata)
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsInvalid(f"{path.name}: not weights of a generator: {error}") from error
    return Weights(path.stem, config, tensors, sha256)


def read_file(path: Path) -> tuple[dict[str, Tensor], dict[str, str], str]:
    """The tensors of a weights file in fp32, its metadata and its sha256. Raises OSError, WeightsInvalid."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    data = path.read_bytes()
    try:
        tensors, metadata = load(data), _metadata(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise WeightsInvalid(f"{path.name}: not weights of a generator: {error}") from error
    for key, tensor in tensors.items():
        if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            raise WeightsInvalid(f"{path.name}: {key} holds something else than finite numbers")
    sha256 = hashlib.sha256(data).hexdigest()
    del data
    return {key: tensor.float() for key, tensor in tensors.items()}, metadata, sha256


def save_weights(
    path: Path, config: LamaConfig, tensors: Mapping[str, Tensor], about: Mapping[str, object], *, half: bool = True
) -> None:
    """Write a generator's weights file, see `write_tensors`."""
    write_tensors(path, asdict(config), tensors, about, half=half)


def write_tensors(
    path: Path,
    config: Mapping[str, object],
    tensors: Mapping[str, Tensor],
    about: Mapping[str, object],
    *,
    half: bool = True,
    method: str | None = None,
) -> None:
    """Write a weights file, whole or not at all. half: matrices in fp16; else everything in fp32.

    method: whose configuration it is, of `models.zoo`; None: a generator's.
    Raises WeightsInvalid for numbers that fp16 cannot hold, or that are not finite.
    """
    import torch
    from safetensors.torch import save_file

    stored = {}
    for key, tensor in sorted(tensors.items()):
        if not key.endswith(COUNTER):
            dtype = torch.float16 if half and tensor.ndim > 1 else torch.float32
            stored[key] = tensor.detach().to("cpu", dtype).contiguous()
            if not bool(torch.isfinite(stored[key]).all()):
                raise WeightsInvalid(f"{key} holds numbers that are not finite in {dtype}")
    settings = json.dumps(config, sort_keys=True)
    digest = hashlib.sha256(settings.encode())
    for key, tensor in stored.items():
        digest.update(digest_line(key, "F16" if tensor.dtype == torch.float16 else "F32", list(tensor.shape)))
        digest.update(tensor.view(-1).numpy().data)
    metadata = {"config": settings, "about": json.dumps(about, sort_keys=True), "digest": digest.hexdigest()}
    metadata |= {} if method is None else {"method": method}
    path.parent.mkdir(parents=True, exist_ok=True)
    # beside the target, so that the last step is a rename within one file system
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        save_file(stored, temporary, metadata)
        with Path(temporary).open("rb") as file:
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def config_of(metadata: Mapping[str, str]) -> LamaConfig:
    """The configuration in the metadata of a weights file. Raises ValueError, KeyError, TypeError."""
    from models.lama import LamaConfig

    if "config" not in metadata:
        raise ValueError("no configuration in the metadata")
    if "method" in metadata:
        raise ValueError(f"it is of the method {metadata['method']}, no generator")
    return LamaConfig(**json.loads(metadata["config"]))


def digest_line(key: str, dtype: str, shape: list[int]) -> bytes:
    """What stands before a tensor's bytes in a file's digest."""
    return f"\n{key} {dtype} {shape}\n".encode()


def _metadata(data: bytes) -> dict[str, str]:
    """The `__metadata__` of a safetensors file that has been parsed once already."""
    size = int.from_bytes(data[:8], "little")
    found = json.loads(data[8 : 8 + size]).get("__metadata__", {})
    return {str(k): str(v) for k, v in found.items()}


def check_shapes(name: str, config: LamaConfig, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Compare names and shapes with those of a configuration. Raises WeightsInvalid: what is missing or left over."""
    _fitting(name, config, shapes)


def _fitting(name: str, config: LamaConfig, shapes: Mapping[str, tuple[int, ...]]) -> Lama:
    """The generator of a configuration, without numbers, when these names and shapes are its."""
    import torch

    from models.lama import Lama

    with torch.device("meta"):
        model = Lama(config)
    expected = {k: v for k, v in _shapes(model.state_dict()).items() if not k.endswith(COUNTER)}
    found = {k: v for k, v in shapes.items() if not k.endswith(COUNTER)}
    problems = [
        ("missing", sorted(expected.keys() - found.keys())),
        ("left over", sorted(found.keys() - expected.keys())),
        ("of another shape", sorted(k for k in expected.keys() & found.keys() if expected[k] != found[k])),
    ]
    text = "; ".join(f"{len(keys)} {what} (first: {keys[0]})" for what, keys in problems if keys)
    if text:
        raise WeightsInvalid(f"{name}: tensors do not fit the configuration: {text}")
    return model


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in tensors.items()}
