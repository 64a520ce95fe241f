"""Read manifests: tables that name images, masks, boxes, outputs and settings of single items."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.catalog.names import shown, suffix_of
from tasks.catalog.source import listing_errors
from tasks.errors import UsageError
from tasks.store.objects import read_url

COLUMNS = ("image", "mask", "boxes", "name", "override")
_BATCH_ROWS = 16_384


class Row(NamedTuple):
    """One row; `where` says file and line for messages, `override` is JSON with sorted keys."""

    where: str
    image: str
    masks: tuple[str, ...]
    boxes: object
    name: str | None
    override: str | None


def read_manifest(url: str) -> Iterator[Row]:
    """Rows of a `.parquet`, `.csv` (comma, UTF-8, header line) or `.jsonl` file.

    `mask` is a path, a list of paths (JSON text in CSV) or null; `boxes` and `override` may be JSON text.

    Raises:
        UsageError: with file and line: unreadable, an unknown or missing column, a value of the wrong kind.
    """
    with listing_errors(url):
        try:
            data = read_url(url)
        except FileNotFoundError:
            raise UsageError(f"{url} does not exist") from None
    read: Callable[[str, bytes], Iterator[tuple[str, dict[str, Any]]]]
    read = {".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl}[suffix_of(url)]
    for where, values in read(url, data):
        image = values.get("image")
        if not isinstance(image, str) or not image:
            raise UsageError(f"{where}: 'image' must be a path, it is {image!r}")
        name = values.get("name")
        if name is not None and not (isinstance(name, str) and name):
            raise UsageError(f"{where}: 'name' must be a relative path, it is {name!r}")
        masks = _masks(where, values.get("mask"))
        for text in (image, name or "", *masks):
            if shown(text) != text:
                raise UsageError(f"{where}: {text!r} holds half of a surrogate pair")
        yield Row(where, image, masks, values.get("boxes"), name, _override(where, values.get("override")))


def _masks(where: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    masks = value if isinstance(value, list) else [value]
    if not all(isinstance(mask, str) and mask for mask in masks):
        raise UsageError(f"{where}: 'mask' must be a path or a list of paths, it is {value!r}")
    return tuple(masks)


def _override(where: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise UsageError(f"{where}: 'override' is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{where}: 'override' must be an object of settings, it is {value!r}")
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False) if value else None
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where}: 'override' does not fit into JSON: {error}") from error


def _check_columns(url: str, names: list[str]) -> None:
    allowed = f"allowed are {', '.join(COLUMNS)}"
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise UsageError(f"{url}: unknown columns {unknown}; {allowed}")
    if len(set(names)) != len(names):
        raise UsageError(f"{url}: a column is given twice: {names}")
    if "image" not in names:
        raise UsageError(f"{url}: no column 'image' (it has {names}); {allowed}")


def _parquet(url: str, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        # pandas keeps a table's index in a column of this name; it says nothing about the images.
        names = [name for name in file.schema_arrow.names if not name.startswith("__index_level_")]
        _check_columns(url, names)
        number = 0
        for batch in file.iter_batches(_BATCH_ROWS, columns=names):
            for values in batch.to_pylist():
                number += 1
                # A Parquet struct has every key in every row: null there means that the key is not given.
                yield f"{url}, row {number}", {**values, "override": _without_nulls(values.get("override"))}
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{url} is no readable Parquet file: {error}") from error


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return value


def _csv(url: str, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(_text(url, data), newline=""), strict=True)
    try:
        _check_columns(url, list(reader.fieldnames or ()))
        for values in reader:
            where = f"{url}, line {reader.line_num}"
            if None in values:
                raise UsageError(f"{where}: more values than columns (a comma in a value needs quotes)")
            found: dict[str, Any] = {key: value or None for key, value in values.items()}
            yield where, {**found, "mask": _list_in_text(found.get("mask"))}
    except csv.Error as error:
        raise UsageError(f"{url}, line {reader.line_num}: {error}") from error


def _list_in_text(text: str | None) -> object:
    """A JSON list if the text is one, else the text: `[1].png` is a file's name."""
    if text is None or not text.startswith("["):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, list) else text


def _jsonl(url: str, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    # Not splitlines(): JSON text may hold U+2028 and the like as they are.
    for number, line in enumerate(_text(url, data).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{url}, line {number}"
        try:
            values = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{where}: no JSON: {error}") from error
        if not isinstance(values, dict):
            raise UsageError(f"{where}: not an object")
        _check_columns(where, list(values))
        yield where, values


def _text(url: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{url} is not UTF-8: {error}") from error
