"""`lacuna status`: progress from what is committed."""

from typing import Any

import pyarrow.compute as pc

from tasks.catalog.plan_file import read_plan
from tasks.errors import UsageError
from tasks.publish.run_record import read_runs
from tasks.publish.totals import totals
from tasks.run.known import committed_rows
from tasks.store.objects import Store


def status(sink: str) -> dict[str, Any]:
    """Totals of the committed rows, how many planned items are left, and the last run. Reads only.

    Raises UsageError where no run has been.
    """
    store = Store(sink)
    plan = read_plan(store)
    results = committed_rows(store, ["item_id", "shard_id", "status", "error", "width", "height", "holes"])
    done = pc.is_in(plan["item_id"], value_set=results["item_id"].combine_chunks())
    runs = list(read_runs(store))
    if not runs and not plan.num_rows:
        raise UsageError(f"{sink}: no run has been here")
    keys = ("run_id", "state", "started_at", "finished_at", "seconds", "recipe", "generator")
    return {
        "sink": store.root,
        "totals": totals(results),
        "planned": plan.num_rows,
        "left": plan.num_rows - (pc.sum(done).as_py() or 0),
        "shards": len(pc.unique(plan["shard_id"])),
        "shards_done": len(pc.unique(results["shard_id"])),
        "last_run": {key: runs[-1].get(key) for key in keys} if runs else None,
    }
