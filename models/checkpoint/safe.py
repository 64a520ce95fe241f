"""safetensors files: ours, which say what they are, and other people's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, cast

from safetensors import SafetensorError, safe_open
from torch import Tensor

from models.checkpoint.layout import Shape
from models.lama import LamaConfig
from models.weights import WeightsInvalid, config_of


class SafeFile:
    """An open file; a context manager. Raises WeightsInvalid for a file that is none, or is cut off."""

    format = "safetensors"

    def __init__(self, path: Path) -> None:
        try:
            self._file = cast("Any", safe_open(path, framework="pt"))
            names = [str(name) for name in self._file.keys()]  # noqa: SIM118
            self.shapes: Mapping[str, Shape] = {name: tuple(self._file.get_slice(name).get_shape()) for name in names}
            metadata = self._file.metadata() or {}
            ours = "config" in metadata
            self.config: LamaConfig | None = config_of(metadata) if ours else None
            self.about: Mapping[str, object] = dict(json.loads(metadata.get("about", "{}"))) if ours else {}
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise WeightsInvalid(f"{path.name}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.__exit__(None, None, None)

    def read(self, name: str) -> Tensor:
        """One tensor, of the type that the file has."""
        tensor: Tensor = self._file.get_tensor(name)
        return tensor
