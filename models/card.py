"""What a weights file says of itself, and whether it is still true. Needs torch for the second only."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.weights import COUNTER, WeightsInvalid, digest_line, find_weights, load_weights
from models.zoo.registry import load_filler
from models.zoo.weights import read_method

MAX_HEADER = 16 << 20  # bytes; big-lama's has 0.1 MB
STATISTICS = (".running_mean", ".running_var", COUNTER)


@dataclass(frozen=True)
class Card:
    """The header of a weights file; its numbers have not been read.

    size: bytes. config: the entries of `LamaConfig`, or of a method's configuration (`models.zoo`). parameters: learned
    values (running statistics not counted). digest: empty in files that were written before there was one.
    """

    name: str
    path: Path
    size: int
    config: Mapping[str, object]
    about: Mapping[str, object]
    parameters: int
    digest: str


def read_card(name: str) -> Card:
    """The card of named weights. Raises WeightsNotFound, WeightsInvalid."""
    path = find_weights(name)
    header, _ = _header(path)
    metadata = header.pop("__metadata__", {})
    try:
        config, about = (dict(json.loads(metadata.get(key, "{}"))) for key in ("config", "about"))
        learned = [entry["shape"] for key, entry in header.items() if not key.endswith(STATISTICS)]
        parameters = sum(math.prod(shape) for shape in learned)
        return Card(path.stem, path, path.stat().st_size, config, about, parameters, str(metadata.get("digest", "")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsInvalid(f"{path.name}: not the header of weights: {error}") from error


def verify_weights(name: str) -> Card:
    """Read named weights again, every number: finite, of the configuration's names and shapes, and as they were written.

    Raises WeightsNotFound, and WeightsInvalid with what is wrong.
    """
    if read_method(name) is None:
        load_weights(name).check()
    else:
        load_filler(name, "cpu")
    card = read_card(name)
    header, start = _header(card.path)
    digest = hashlib.sha256(header.pop("__metadata__")["config"].encode())
    with card.path.open("rb") as file:
        for key, entry in sorted(header.items()):
            begin, end = entry["data_offsets"]
            digest.update(digest_line(key, entry["dtype"], entry["shape"]))
            file.seek(start + begin)
            digest.update(file.read(end - begin))
    if card.digest and card.digest != digest.hexdigest():
        raise WeightsInvalid(f"{card.path.name}: its numbers are not those that were written")
    return card


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The JSON at the beginning of a safetensors file, and where the numbers begin (bytes)."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(size)) if size <= MAX_HEADER else None
        except (ValueError, RecursionError) as error:
            raise WeightsInvalid(f"{path.name}: no safetensors file: {error}") from error
    if not isinstance(header, dict):
        raise WeightsInvalid(f"{path.name}: no safetensors file")
    return header, 8 + size
