"""`lacuna weights`: generators that are here, those that can be had, and how they come in."""

import os
from pathlib import Path
from typing import Any

from flows.transfer import transfer
from models.card import Card, read_card, verify_weights
from models.checkpoint.registry import REGISTRY, Entry
from models.weights import EMBEDDED, NAME, WeightsInvalid, WeightsNotFound, known_weights, lacuna_home, weights_home
from tasks.errors import StorageDenied, StorageUnavailable, UsageError
from tasks.store.download import DownloadInvalid, Expected, digest, download
from tasks.store.local import locked
from tasks.store.redact import redact
from tasks.store.retry import DEFAULT_POLICY, RetryPolicy

MIRROR = "LACUNA_WEIGHTS_MIRROR"  # folder or URL that holds the registry's files under their names; then asked alone

Row = dict[str, Any]


def list_weights(mirror: str | None = None) -> list[Row]:
    """A row for each generator that is here or in the registry, the ones that are here first."""
    rows = [_told(name) for name in known_weights()]
    here = {row["name"] for row in rows}
    return rows + [_absent(entry, mirror) for entry in REGISTRY if entry.name not in here]


def get_weights(name: str, mirror: str | None = None, retry: RetryPolicy = DEFAULT_POLICY) -> Row:
    """Download a generator of the registry and import it; at once when it is here. Progress goes to stderr.

    mirror: where its file lies instead, else the environment's LACUNA_WEIGHTS_MIRROR, else the publisher's URL. Raises
    UsageError for an unknown name, FileNotFoundError, StorageDenied (DownloadInvalid among them), StorageUnavailable.
    """
    if name in known_weights():
        return _told(name) | {"already": True}
    entry = next((entry for entry in REGISTRY if entry.name == name), None)
    if entry is None:
        raise UsageError(f"no weights {name!r} to get; known names: {', '.join(entry.name for entry in REGISTRY)}")
    url, folder = _url(entry, mirror), lacuna_home() / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if name in known_weights():  # another process was first
            return _told(name) | {"already": True}
        target = folder / entry.file
        try:
            with transfer(entry.file) as report:
                download(url, target, Expected(entry.size, entry.sha256, entry.md5), retry=retry, report=report)
        except (FileNotFoundError, StorageDenied, StorageUnavailable) as error:
            ways = f"--mirror or {MIRROR} names a mirror; `lacuna weights import {entry.file} --as {name}` takes a file"
            raise type(error)(f"{getattr(error, 'strerror', None) or error}. {ways}") from None
        try:
            row = _imported(target, name, redact(url))
        except WeightsInvalid as error:
            raise DownloadInvalid(f"{redact(url)}: {error}") from error
        target.unlink()
    return row | {"already": False}


def import_weights(source: Path, name: str, *, replace: bool = False) -> Row:
    """Convert a checkpoint (see `models.checkpoint.generator`) to named weights in LACUNA_HOME.

    Raises UsageError for a name that cannot be used or is taken, and for a file that holds no generator.
    """
    if not NAME.fullmatch(name) or name.endswith(".safetensors"):
        raise UsageError(f"--as {name}: a name has letters, digits, '.', '_' and '-', and is no file's")
    if (EMBEDDED / f"{name}.safetensors").is_file():
        raise UsageError(f"--as {name}: an embedded generator has this name")
    if name in known_weights() and not replace:
        raise UsageError(f"--as {name}: there is one already; --replace puts this one in its place")
    try:
        return _imported(source, name, source.name)
    except FileNotFoundError as error:
        raise UsageError(f"{error.filename or source}: no such file") from error
    except WeightsInvalid as error:
        raise UsageError(str(error)) from error


def check_weights(name: str | None = None) -> list[Row]:
    """Read weights again, all that are here or one: their rows, with `ok`, and `problem` where it is not.

    Raises UsageError for a name that is not here.
    """
    rows = []
    for each in known_weights() if name is None else [name]:
        try:
            card = verify_weights(each)
            rows.append(_row(card) | {"sha256": digest(card.path), "ok": True, "problem": None})
        except WeightsInvalid as error:
            rows.append({"name": each, "sha256": None, "ok": False, "problem": str(error)})
        except WeightsNotFound as error:
            raise UsageError(str(error)) from error
    return rows


def _imported(source: Path, name: str, where_from: str) -> Row:
    from models.checkpoint.generator import CHECKPOINT, read_generator
    from models.weights import save_weights

    found = read_generator(source)
    sha256 = digest(source / CHECKPOINT if source.is_dir() else source)
    known = next((entry for entry in REGISTRY if entry.sha256 == sha256), None)
    about = {**found.about, "source": where_from, "source_sha256": sha256, "format": found.format}
    if known:
        about |= {"licence": known.licence, "description": known.about}
    save_weights(weights_home() / f"{name}.safetensors", found.weights.config, found.weights.tensors, about, half=False)
    return _told(name) | {"left_out": dict(found.left_out)}


def _told(name: str) -> Row:
    try:
        return _row(read_card(name))
    except WeightsInvalid as error:
        return {"name": name, "present": True, "problem": str(error)}


def _row(card: Card) -> Row:
    embedded = card.path.parent == EMBEDDED
    return {
        "name": card.name,
        "present": True,
        "bytes": card.size,
        "parameters": card.parameters,
        "licence": card.about.get("licence") or ("see its model card" if embedded else None),
        "where": str(card.path),
        "source": "embedded" if embedded else card.about.get("source"),
        "source_sha256": card.about.get("source_sha256"),
    }


def _absent(entry: Entry, mirror: str | None) -> Row:
    return {
        "name": entry.name,
        "present": False,
        "bytes": entry.size,
        "parameters": None,
        "licence": entry.licence,
        "where": redact(_url(entry, mirror)),
        "source": entry.about,
        "source_sha256": entry.sha256,
    }


def _url(entry: Entry, mirror: str | None) -> str:
    """Where an entry's file is asked for; a query of the mirror (a signature) stays at the end."""
    root = mirror or os.environ.get(MIRROR)
    if not root:
        return entry.url
    place, mark, query = root.partition("?")
    return f"{place.rstrip('/')}/{entry.file}{mark}{query}"


def print_weights(rows: list[Row]) -> None:
    """A line for what is here and what can be had; the place comes last and is never cut off."""
    lines = [("name", "here", "MB", "parameters", "licence", "where")]
    for row in rows:
        size, count = row.get("bytes"), row.get("parameters")
        state = "damaged" if row.get("problem") else "yes" if row["present"] else "no: get"
        numbers = (f"{size / 1e6:.0f}" if size else "", f"{count:,}" if count else "")
        licence, where = row.get("licence") or "not stated", row.get("where") or row["problem"]
        lines.append((row["name"], state, *numbers, licence, where))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def print_arrival(row: Row) -> None:
    """What has come in, and what of its file was left out."""
    state = "is here already" if row.get("already") else "is here now"
    print(f"{row['name']} {state}: {row['parameters']:,} parameters, {row['where']}")
    for name, count in row.get("left_out", {}).items():
        print(f"left out: {count} tensors of {name}")


def print_checks(rows: list[Row]) -> None:
    """Which weights are sound, and what is wrong with the others."""
    for row in rows:
        print(f"{row['name']}: {row['problem'] or 'sound, sha256 ' + row['sha256']}")
