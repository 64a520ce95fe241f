"""`lacuna verify`: the promises of a sink, checked on its files: one row an item, the bytes that were written, nothing
changed outside a mask. Reads only."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from os import cpu_count
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.parallel import in_order
from flows.progress import RunProgress
from flows.settings import Settings, validated
from tasks.catalog.plan_file import read_plan
from tasks.errors import UsageError
from tasks.publish.commit import read_holes, read_results
from tasks.publish.run_record import read_runs
from tasks.publish.schema import Row
from tasks.run.job import ItemSpec
from tasks.run.verify import Finding, verify_item
from tasks.store.objects import Store, read_url

COLUMNS = ["run_id", "shard_id", "item_id", "status", "output", "width", "height", "holes"]
COLUMNS += ["input_sha256", "mask_sha256", "output_sha256"]
SHOWN = 20  # findings that are printed
BATCH = 1_000


def verify(sink: str) -> dict[str, Any]:
    """Check every committed item of a sink, on as many threads as there are processors.

    Returns totals, problems by kind, and each finding. Raises UsageError where no run has been, StorageDenied and
    StorageUnavailable.
    """
    store = Store(sink)
    plan = read_plan(store)
    if not plan.num_rows:
        if read_results(store, columns=["item_id"]).num_rows:  # names a damaged file too
            raise UsageError(f"{sink}: its plan is gone; the same restore makes it anew")
        raise UsageError(f"{sink}: no run has been here")
    rows = read_results(store, columns=COLUMNS, check=True).sort_by(
        [("shard_id", "ascending"), ("item_id", "ascending")]
    )
    left = plan.num_rows - (pc.sum(pc.is_in(plan["item_id"], value_set=_flat(rows["item_id"]))).as_py() or 0)
    settings = _settings(store)
    findings = [*_duplicates(rows), *_without_holes(store, rows)]
    checked: Counter[str] = Counter()

    def check(pair: tuple[Row, Row]) -> tuple[Row, Finding | None]:
        row, planned = pair
        spec = ItemSpec.from_row(planned)
        made = settings.get(row["run_id"])
        limit = made.limits.max_mp if made else Settings().limits.max_mp
        read = read_shared if made and made.mask.source == "shared" else read_url
        return row, verify_item(row, spec, made and made.of_items(), store, read, limit)

    read_shared = lru_cache(1)(read_url)
    with RunProgress(rows.num_rows, doing="verifying", bad="wrong") as progress:
        megapixels = 0.0
        for row, finding in in_order(check, _with_plan(rows, plan), cpu_count() or 1):
            checked[row["status"]] += 1
            megapixels += (row["width"] or 0) * (row["height"] or 0) / 1e6
            findings += [finding] if finding else []
            progress.update(sum(checked.values()), len(findings), megapixels)
    return {
        "sink": store.root,
        "checked": dict(sorted(checked.items())),
        "left": left,
        "problems": dict(Counter(finding.problem for finding in findings)),
        "findings": [asdict(finding) for finding in sorted(findings, key=lambda f: (f.output, f.problem))],
    }


def print_verified(found: dict[str, Any]) -> None:
    """What was checked, what is wrong, and what to do."""
    checked = ", ".join(f"{count:,} {status}" for status, count in found["checked"].items()) or "nothing"
    print(f"checked:  {checked}" + (f"; {found['left']:,} planned items have no row yet" if found["left"] else ""))
    if not found["findings"]:
        print("result:   every output is as it was written, and equals its original outside the mask")
        return
    for problem, count in found["problems"].items():
        print(f"problem:  {problem}: {count:,}")
    for finding in found["findings"][:SHOWN]:
        print(f"  {finding['problem']}  {finding['output']}  {finding['message']}  (shard {finding['shard_id']})")
    if len(found["findings"]) > SHOWN:
        print(f"  … {len(found['findings']) - SHOWN:,} more: --json has all of them")
    print(
        "next:     restore with --set output.on_change=redo does items again whose original or mask changed; to have a"
    )
    print("          shard's items done again whatever they are, move results/<shard>.parquet away")


def _settings(store: Store) -> dict[str, Settings]:
    """run_id -> its settings, where this version understands them."""
    found = {}
    for record in read_runs(store):
        try:
            found[record["run_id"]] = validated(record["settings"])
        except (UsageError, KeyError):
            continue
    return found


def _with_plan(rows: pa.Table, plan: pa.Table) -> Iterator[tuple[Row, Row]]:
    """Each committed row with its row of the plan; Python objects exist only for a few at a time."""
    at = pc.index_in(_flat(rows["item_id"]), value_set=_flat(plan["item_id"]))
    rows, at = rows.filter(pc.is_valid(at)), at.drop_null()
    for start in range(0, rows.num_rows, BATCH):
        part = slice(start, start + BATCH)
        yield from zip(rows[part].to_pylist(), plan.take(at[part]).to_pylist(), strict=True)


def _duplicates(rows: pa.Table) -> list[Finding]:
    counts = rows.group_by(["item_id", "shard_id"]).aggregate([("output", "min"), ([], "count_all")])
    counts = counts.group_by("item_id").aggregate([("shard_id", "max"), ("output_min", "min"), ("count_all", "sum")])
    return [
        Finding(
            row["item_id"], row["shard_id_max"], row["output_min_min"], "RowDuplicate", f"{row['count_all_sum']} rows"
        )
        for row in counts.filter(pc.greater(counts["count_all_sum"], 1)).to_pylist()
    ]


def _without_holes(store: Store, rows: pa.Table) -> list[Finding]:
    """Items whose row counts other holes than there are rows for."""
    found = []
    for shard in pc.unique(rows["shard_id"]).to_pylist():
        there = Counter(read_holes(store, shard)["item_id"].to_pylist())
        for row in rows.filter(pc.equal(rows["shard_id"], shard)).to_pylist():
            if row["status"] == "ok" and there[row["item_id"]] != row["holes"]:
                message = f"{row['holes']} holes, {there[row['item_id']]} rows of holes"
                found.append(Finding(row["item_id"], shard, row["output"], "HolesMissing", message))
    return found


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()
