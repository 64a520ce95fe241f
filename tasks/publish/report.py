"""SINK/report/index.html: what happened, failures first. A page that opens from disk without a server."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.errors import UsageError
from tasks.publish.commit import read_results
from tasks.publish.run_record import read_runs
from tasks.publish.totals import totals
from tasks.store.objects import Store

COLUMNS = [
    "status",
    "error",
    "message",
    "image",
    "output",
    "width",
    "height",
    "format",
    "masked_fraction",
    "holes",
    "fill_s",
]
MOST_FAILURES = 1000
MOST_PICTURES = 60
BROWSERS_SHOW = ("jpeg", "png", "webp")

WHAT_TO_DO = {
    "DuplicateItem": "give each row of the manifest its own name",
    "ImageUnreadable": "check the file; it is no image that can be read",
    "ImageTruncated": "fetch the file again from where it came from",
    "ImageTooLarge": "raise limits.max_mp if the image is meant to be this large",
    "ImageEmpty": "the file has no bytes: fetch it again",
    "ImageUnsupported": "the message says what would be lost; convert the file, or leave it out",
    "MaskMissing": "add the mask, or say --set mask.on_missing=skip or copy",
    "MaskUnreadable": "check the mask file",
    "MaskSizeMismatch": "make the mask for this image, in its size",
    "MaskAmbiguous": "say how masks are to be read (mask.orientation)",
    "MaskCoversAll": "mask less: something known must be left",
    "PairAmbiguous": "remove one of the masks named, or set source.pair",
    "StorageDenied": "check the permissions, or the path",
    "StorageUnavailable": "run the same command again: it is tried again by itself",
    "OutOfMemory": "set model.batch_mp lower, or runtime.actors lower, then --retry OutOfMemory",
    "WorkerDied": "look at this file: the process died whenever it worked on it; then --retry WorkerDied",
    "Timeout": "run the same command again, or raise limits.item_timeout_s",
    "UnexpectedError": "a fault of the program: report it with the message",
}


def write_report(store: Store) -> str:
    """(Re)build the report from what is committed; returns where it lies. Raises UsageError where no run has been."""
    runs = list(read_runs(store))
    if not runs:
        raise UsageError(f"{store.root}: no run has been here")
    results = read_results(store, columns=COLUMNS)
    counted = totals(results)
    failed = results.filter(pc.equal(results["status"], "failed"))
    page = _template().render(
        totals=counted,
        runs=[_run(record) for record in reversed(runs)],
        errors=[(kind, count, WHAT_TO_DO.get(kind, "")) for kind, count in counted["errors"].items()],
        failures=failed.slice(0, MOST_FAILURES).to_pylist(),
        more_failures=max(0, failed.num_rows - MOST_FAILURES),
        pictures=_pictures(results),
    )
    store.put("report/index.html", page.encode())
    return store.url("report/index.html")


def _pictures(results: pa.Table) -> list[dict[str, Any]]:
    """The most masked of the filled images that a browser can show: the hardest first."""
    shown = results.filter(
        pc.and_(pc.equal(results["status"], "ok"), pc.is_in(results["format"], value_set=pa.array(BROWSERS_SHOW)))
    )
    order = pc.sort_indices(shown["masked_fraction"], sort_keys=[("masked_fraction", "descending")])
    rows = shown.take(order[:MOST_PICTURES]).to_pylist()
    return [{**row, "href": "../images/" + quote(row["output"])} for row in rows]


def _run(record: dict[str, Any]) -> dict[str, Any]:
    keys = ("run_id", "state", "started_at", "seconds", "recipe", "generator", "to_do")
    return {key: record.get(key) for key in keys}


def _template() -> Any:
    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("report.html.jinja")
