"""`lacuna plan`: what a restore would do and what it would cost. Writes nothing."""

import os
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.request import Request
from tasks.publish.provenance import code_version
from tasks.run.generating import LocalGenerator
from tasks.run.item import Bench, restore_item
from tasks.run.job import ItemSpec, Job
from tasks.run.prepare import Prepared, open_sink
from tasks.store.objects import Store

SAMPLE_ITEMS = 5
SAMPLE_S = 20.0


class _Nowhere(Store):
    """A sink that takes everything and keeps nothing."""

    def put(self, path: str, data: bytes) -> None:
        """Nothing is written."""


def plan(request: Request) -> dict[str, Any]:
    """Items and shards to do, refusals known without reading, and the time measured on a few items of this very work."""
    settings = request.settings
    threads = 1 if settings.runtime.threads == "auto" else settings.runtime.threads
    restorers = (
        max(1, (os.cpu_count() or 1) // threads) if settings.runtime.actors == "auto" else settings.runtime.actors
    )
    prepared = request.prepare(open_sink(request.out), restorers)
    todo = prepared.todo
    work = pa.concat_tables([prepared.new.select(todo.planned.schema.names), todo.planned])
    readable = work.filter(pc.is_null(work["error"]))
    return {
        "images": request.images,
        "masks": request.masks or "(among the images)",
        "out": request.out,
        "recipe": request.recipe,
        "generator": prepared.weights.name,
        "to_do": {
            "items": todo.items,
            **todo.reasons,
            "shards": prepared.shards,
            "megabytes of images": round((pc.sum(work["bytes"]).as_py() or 0) / 1e6, 1),
            "done before": todo.committed,
            **{f"ignored ({why})": count for why, count in prepared.catalog.ignored.items() if count},
        },
        "refused": dict(Counter(e for e in work["error"].to_pylist() if e is not None)),
        "cost": _cost(readable, prepared, request, threads, restorers),
    }


def _cost(work: pa.Table, prepared: Prepared, request: Request, threads: int, restorers: int) -> dict[str, Any]:
    """Seconds an item, measured by doing a few items (spread evenly over the work) without keeping the results."""
    if not work.num_rows:
        return {"time": "nothing to fill"}
    settings = request.settings
    job = Job(
        "plan",
        str(prepared.catalog.image_root),
        request.recipe,
        settings.of_items(),
        settings.limits,
        settings.runtime,
        code_version(),
    )
    bench = Bench(job, LocalGenerator(settings.model, threads))
    bench.sink = _Nowhere(job.sink)
    rows = work.take(
        sorted({round(i * (work.num_rows - 1) / SAMPLE_ITEMS) for i in range(SAMPLE_ITEMS + 1)})
    ).to_pylist()
    restore_item(ItemSpec.from_row(rows[0]), bench)  # the first forward is slower than all others
    seconds, megapixels, statuses = [], 0.0, Counter[str]()
    until = time.monotonic() + SAMPLE_S
    for row in rows:
        started = time.perf_counter()
        outcome = restore_item(replace(ItemSpec.from_row(row)), bench)
        seconds.append(time.perf_counter() - started)
        megapixels += outcome.megapixels
        statuses[outcome.row["status"]] += 1
        if time.monotonic() > until:
            break
    mean = sum(seconds) / len(seconds)
    hours = mean * work.num_rows / restorers / 3600
    price = settings.runtime.hourly_price
    return {
        "measured on": f"{len(seconds)} items of this work ({dict(statuses)})",
        "megapixels an item": round(megapixels / len(seconds), 2),
        "seconds an item": round(mean, 2),
        "megapixels a second of a restorer": round(megapixels / sum(seconds), 3),
        "hours on this machine": round(hours, 3),
        **({} if price is None else {f"price at {price:g} an hour": round(hours * price, 2)}),
        "restorers": restorers,
    }
