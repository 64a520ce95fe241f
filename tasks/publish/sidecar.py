"""SINK/sidecars/<output>.json: what was done to an image, hole by hole, and what takes it back to its original's pixels."""

import json
from collections.abc import Sequence
from typing import Any

from tasks.errors import UsageError
from tasks.publish.schema import Row
from tasks.store.objects import Store

FOLDER = "sidecars"
# Of the row: what was filled, from what, by what. Times and places of the run are the row's alone.
FACTS = (
    "run_id",
    "item_id",
    "image",
    "mask",
    "output",
    "input_sha256",
    "mask_sha256",
    "output_sha256",
    "recipe",
    "generator",
    "weights_sha256",
    "settings_sha256",
    "code_version",
)


def sidecar_path(output: str) -> str:
    """Where the sidecar of an output lies, relative to the sink."""
    return f"{FOLDER}/{output}.json"


def write_sidecar(store: Store, row: Row, holes: Sequence[Row], token: dict[str, Any]) -> None:
    """Write the sidecar of one item: its `row`, the rows of its holes, and the token of `tasks.store.undo`."""
    record = {key: row.get(key) for key in FACTS} | {"holes": list(holes), "undo": token}
    store.put(sidecar_path(row["output"]), json.dumps(record, ensure_ascii=False).encode())


def read_sidecar(store: Store, output: str) -> dict[str, Any]:
    """The sidecar of an output. Raises FileNotFoundError, and UsageError for one that is damaged."""
    path = sidecar_path(output)
    try:
        record = json.loads(store.read(path))
    except ValueError as error:
        raise UsageError(f"{store.url(path)} is damaged: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("undo"), dict):
        raise UsageError(f"{store.url(path)} is no sidecar")
    return record
