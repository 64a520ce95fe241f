"""`lacuna revert`: originals' pixels back from a sink and its sidecars, without the originals."""

from collections import Counter
from collections.abc import Iterator
from os import cpu_count
from typing import Any

from flows.parallel import in_order
from flows.progress import RunProgress
from tasks.errors import ImageUnreadable, UsageError
from tasks.publish.commit import read_results
from tasks.publish.schema import Row
from tasks.publish.sidecar import read_sidecar
from tasks.run.prepare import open_sink, within
from tasks.store.objects import Store
from tasks.store.undo import undone

COLUMNS = ["item_id", "status", "output", "width", "height"]
BATCH = 1_000
SHOWN = 20  # failures that are printed


def revert(sink: str, out: str) -> dict[str, Any]:
    """Write every filled image of `sink` with its original's pixels under `out`, copies as they are.

    Each result was compared with the digest of the original's pixels before it is written. Idempotent. Returns how many
    came back and, for those that did not, why. Raises UsageError, StorageDenied and StorageUnavailable.
    """
    store, target = Store(sink), open_sink(out)
    if within(target.root, store.root) or within(store.root, target.root):
        raise UsageError(f"--out {target.root} and the sink {store.root} overlap: outputs could be overwritten")
    rows = read_results(store, columns=COLUMNS).sort_by("output")
    if not rows.num_rows:
        raise UsageError(f"{sink}: no run has committed anything here")
    done: Counter[str] = Counter()
    failures: list[dict[str, str]] = []
    megapixels = 0.0
    with RunProgress(rows.num_rows, doing="reverting") as progress:
        batches = (batch.to_pylist() for batch in rows.to_batches(BATCH))
        items: Iterator[Row] = (row for batch in batches for row in batch)
        for row, (what, why) in in_order(lambda row: (row, _reverted(row, store, target)), items, cpu_count() or 1):
            done[what] += 1
            if why:
                failures.append({"output": row["output"], "why": why})
            megapixels += (row["width"] or 0) * (row["height"] or 0) / 1e6
            progress.update(sum(done.values()), len(failures), megapixels)
    return {"sink": store.root, "out": target.root, "items": dict(sorted(done.items())), "failures": failures}


def print_reverted(made: dict[str, Any]) -> None:
    """What came back, what did not, and what to do."""
    counts = ", ".join(f"{count:,} {what}" for what, count in made["items"].items())
    print(f"reverted: {counts}\nimages:   {made['out']}")
    for failure in made["failures"][:SHOWN]:
        print(f"  {failure['output']}  {failure['why']}")
    if len(made["failures"]) > SHOWN:
        print(f"  … {len(made['failures']) - SHOWN:,} more: --json has all of them")
    if made["failures"]:
        print(
            "next:     sidecars are written under --set output.sidecar=true; lacuna verify says what has changed since"
        )


def _reverted(row: Row, store: Store, target: Store) -> tuple[str, str]:
    """What became of one item, and why where it failed."""
    if row["output"] is None:
        return "without output", ""
    try:
        data = store.read(f"images/{row['output']}")
        if row["status"] != "unchanged":
            data = undone(data, read_sidecar(store, row["output"])["undo"])
    except FileNotFoundError as error:
        return "failed", f"not there: {error.filename or error}"
    except (ImageUnreadable, UsageError) as error:
        return "failed", f"{type(error).__name__}: {error}"
    target.put(row["output"], data)
    return ("copied" if row["status"] == "unchanged" else "reverted"), ""
