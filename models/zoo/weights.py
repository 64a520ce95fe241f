"""Weights files of the zoo: like a generator's (`models.weights`), and their metadata say of which method they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from models.weights import COUNTER, WeightsInvalid, find_weights, read_file, write_tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

    Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class ZooWeights:
    """Tensors of a method's networks (fp32), its configuration as it stands in the file, and the file's digest."""

    name: str
    method: str
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    sha256: str

    def put_into(self, module: Module) -> Module:
        """The module with these tensors, in evaluation mode, on the CPU; it may have been made on the device `meta`.

        Raises WeightsInvalid where names or shapes differ.
        """
        import torch

        state = {key: value.detach().clone() for key, value in self.tensors.items()}
        state |= {key: torch.zeros((), dtype=torch.int64) for key in module.state_dict() if key.endswith(COUNTER)}
        try:
            module.load_state_dict(state, assign=True)
        except RuntimeError as error:
            raise WeightsInvalid(f"{self.name}: tensors do not fit the configuration: {error}") from error
        return module.eval()


def read_method(name: str) -> str | None:
    """The method of named weights, None for a generator's or a damaged file; only its header is read.

    Raises WeightsNotFound.
    """
    with find_weights(name).open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = file.read(size) if size < 1 << 24 else b""
    try:
        method = json.loads(header).get("__metadata__", {}).get("method")
    except (ValueError, AttributeError):
        return None
    return method if isinstance(method, str) else None


def load_zoo_weights(name: str) -> ZooWeights:
    """Read weights by name or path. Nothing in the file is executed. Raises WeightsNotFound, WeightsInvalid."""
    path = find_weights(name)
    tensors, metadata, sha256 = read_file(path)
    try:
        method, config = metadata["method"], json.loads(metadata["config"])
    except (KeyError, ValueError) as error:
        raise WeightsInvalid(f"{path.name}: not weights of a method of the zoo: {error}") from error
    if not isinstance(config, dict):
        raise WeightsInvalid(f"{path.name}: its configuration is no mapping")
    return ZooWeights(path.stem, method, config, tensors, sha256)


def save_zoo_weights(
    path: Path,
    method: str,
    config: Mapping[str, object],
    tensors: Mapping[str, Tensor],
    about: Mapping[str, object],
    *,
    half: bool = False,
) -> None:
    """Write a file that `load_zoo_weights` reads, whole or not at all. half: matrices in fp16. Raises WeightsInvalid."""
    write_tensors(path, config, tensors, about, half=half, method=method)
