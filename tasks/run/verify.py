"""Check one committed item against its files: what it was made from, what it became, and what must not have changed."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tasks import errors
from tasks.errors import ItemError, UsageError
from tasks.fill.mask import dilate
from tasks.publish.schema import Row
from tasks.publish.sidecar import read_sidecar
from tasks.run.hole import find_hole
from tasks.run.job import ItemSpec
from tasks.run.settings import ItemSettings
from tasks.store.colour import colour_of
from tasks.store.image import decode, icc, read_header
from tasks.store.objects import Store
from tasks.store.untouched import changed_outside

# What can be found. The first seven mean that a promise is broken; the others that something was changed from outside.
PROBLEMS = (
    "OutputMissing",
    "OutputChanged",
    "OutputStale",
    "OutsideChanged",
    "RowDuplicate",
    "HolesMissing",
    "SidecarMissing",
    "OriginalMissing",
    "OriginalChanged",
    "MaskChanged",
    "NotChecked",
)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one item; `problem` is one of PROBLEMS."""

    item_id: str
    shard_id: str
    output: str | None
    problem: str
    message: str


class _Wrong(Exception):
    """A problem and its message."""

    def __init__(self, problem: str, message: str) -> None:
        super().__init__(problem, message)
        self.problem, self.message = problem, message


def verify_item(
    row: Row,
    spec: ItemSpec,
    settings: ItemSettings | None,
    sink: Store,
    read: Callable[[str], bytes],
    max_mp: float,
) -> Finding | None:
    """The first thing that is wrong with an item; None where all is as its row says.

    row: its committed row. spec: how the plan pairs it. settings: of the run that made the row, before the item's own
    override; None where they are not known. read: bytes at a full URL, FileNotFoundError where there are none.
    Raises StorageDenied and StorageUnavailable: then nothing is known.
    """
    try:
        if row["output"] is None:
            _no_output(row, spec, sink)
        else:
            output = _output(row, sink)
            original = _original(row, spec, read)
            if row["status"] != "unchanged":
                _outside(row, spec, settings, original, output, read, max_mp)
                _sidecar(row, spec, settings, sink)
            elif output != original:
                raise _Wrong("OutsideChanged", "no copy of its original")
    except _Wrong as wrong:
        return Finding(spec.item_id, row["shard_id"], row["output"] or spec.output, wrong.problem, wrong.message)
    return None


def _no_output(row: Row, spec: ItemSpec, sink: Store) -> None:
    if sink.exists(f"images/{spec.output}"):
        raise _Wrong("OutputStale", f"its row is {row['status']}, but an earlier run's output is still there")


def _output(row: Row, sink: Store) -> bytes:
    try:
        output = sink.read(f"images/{row['output']}")
    except FileNotFoundError:
        raise _Wrong("OutputMissing", f"images/{row['output']} is not there") from None
    if _sha256(output) != row["output_sha256"]:
        raise _Wrong("OutputChanged", "its bytes are not those that were written")
    return output


def _original(row: Row, spec: ItemSpec, read: Callable[[str], bytes]) -> bytes:
    try:
        original = read(spec.image)
    except FileNotFoundError:
        raise _Wrong("OriginalMissing", f"gone: {spec.image}") from None
    if _sha256(original) != row["input_sha256"]:
        raise _Wrong("OriginalChanged", "the original is not the one that was filled")
    return original


def _outside(
    row: Row,
    spec: ItemSpec,
    settings: ItemSettings | None,
    original: bytes,
    output: bytes,
    read: Callable[[str], bytes],
    max_mp: float,
) -> None:
    if settings is None:
        raise _Wrong("NotChecked", "the record of the run that made it is not there, or of another version")
    found: Row = {}
    try:
        mine = settings.overridden(spec.override)
        mask = _mask(original, spec, mine, read, max_mp, found)
        if found.get("mask_sha256") != row["mask_sha256"]:
            raise _Wrong("MaskChanged", "the mask is not the one that was used")
        said = changed_outside(original, output, mask, mine.output, max_mp)
    except (errors.StorageDenied, errors.StorageUnavailable):
        raise
    except ItemError as error:
        raise _Wrong("NotChecked", f"{type(error).__name__}: {error}") from None
    if said:
        raise _Wrong("OutsideChanged", said)


def _sidecar(row: Row, spec: ItemSpec, settings: ItemSettings | None, sink: Store) -> None:
    if settings is None or not settings.overridden(spec.override).output.sidecar:
        return
    try:
        record = read_sidecar(sink, row["output"])
    except (FileNotFoundError, UsageError):
        raise _Wrong("SidecarMissing", "it is not there or damaged: the change cannot be undone") from None
    if record.get("output_sha256") != row["output_sha256"]:
        raise _Wrong("SidecarMissing", "the one that is there belongs to other bytes: the change cannot be undone")


def _mask(
    original: bytes, spec: ItemSpec, settings: ItemSettings, read: Callable[[str], bytes], max_mp: float, row: Row
) -> np.ndarray:
    """The dilated mask (H, W) bool, found as when the item was filled."""

    def read_mask(url: str) -> bytes:
        try:
            return read(url)
        except FileNotFoundError as error:
            raise errors.MaskMissing(f"gone: {url}") from error

    header = read_header(original, max_mp)
    pixels = decode(original, header)
    colour, _ = colour_of(icc(original), header, pixels)
    core = find_hole(spec, pixels, header, colour, settings.mask, read_mask, max_mp, row)
    return dilate(core, settings.mask.dilate_px)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
