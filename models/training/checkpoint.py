"""The state of a run in one file, written whole or not at all."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import torch

NAME = "checkpoint.pt"


def write_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write plain containers of tensors and numbers to `folder`, in place of the last state."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    temporary = folder / "checkpoint.tmp"
    with temporary.open("wb") as file:
        file.write(buffer.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / NAME)


def read_checkpoint(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """The state in `folder`, None without one. Raises ValueError for a damaged one."""
    path = folder / NAME
    state: dict[str, Any] | None = read_plain(path, device) if path.is_file() else None
    return state


def read_plain(path: Path, device: torch.device | str = "cpu") -> Any:
    """A file of torch's with plain containers of tensors; anything else in it is refused, and nothing is executed.

    Raises FileNotFoundError, ValueError.
    """
    data = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # refused or read: either is fine
            return torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    except Exception as error:  # torch's unpickler raises almost anything on hostile bytes: struct.error, KeyError …
        raise ValueError(f"{path.name} is not a file of plain tensors: {error}") from error
