"""Compare ways to fill: methods × masks on photos whose truth is known."""

import sys
import time
from datetime import UTC, datetime
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.artifacts import publish_benchmark
from flows.benchmarking import Comparison, checked
from flows.progress import RunProgress
from tasks.judge.networks import NetworkFiles
from tasks.publish.benchmark.plot import draw
from tasks.publish.benchmark.rows import ROWS, read_rows
from tasks.publish.benchmark.sheet import contact_sheet
from tasks.publish.benchmark.summary import Score, summarise
from tasks.publish.benchmark.table import cells, markdown
from tasks.publish.run_record import environment, new_run_id, write_run
from tasks.run.benchmark.methods import methods_of
from tasks.run.benchmark.photos import list_photos
from tasks.run.benchmark.plan import Plan
from tasks.run.benchmark.pool import run_units
from tasks.run.benchmark.version import benchmark_version
from tasks.run.benchmark.work import MASKS, BenchmarkJob, Done
from tasks.run.cluster import cluster, width
from tasks.run.settings import RuntimeSettings
from tasks.store.objects import Store

TABLE, PICTURE, SHEET = "benchmark.md", "benchmark.png", "sheet.jpg"


@task(name="fill", cache_policy=NO_CACHE)
def _fill(plan: Plan, runtime: RuntimeSettings) -> int:
    """Do what is left, and say how many rows that was. One Prefect task for the whole run, as in a restore."""
    todo = plan.left()
    missing = sum(len(unit.methods) for unit in todo)
    before = f", {plan.rows - missing} done before" if plan.rows > missing else ""
    print(f"{missing} of {plan.rows} rows to do{before}", file=sys.stderr, flush=True)
    rows = failed = 0
    megapixels = 0.0
    with RunProgress(missing) as progress:

        def tell(done: Done) -> None:
            nonlocal rows, failed, megapixels
            rows, failed, megapixels = rows + done.rows, failed + done.failed, megapixels + done.megapixels
            progress.update(rows, failed, megapixels)

        run_units(todo, plan.job, width(runtime), runtime.gpus_per_actor, tell)
    return missing


@task(name="publish", cache_policy=NO_CACHE)
def _publish(asked: Comparison, plan: Plan, run_id: str) -> dict[str, Any]:
    """Table, picture and sheet of the rows that are there; the part of the record that says what they show."""
    store = Store(asked.out)
    rows = read_rows(store, plan.keys)
    methods = list(dict.fromkeys(asked.methods))
    scores = summarise(rows, asked.masks, methods)
    about = f"{plan.photos} photos, seed {asked.seed}; means, 95 % bootstrap intervals"
    notes = _notes(asked)
    table = f"# Benchmark: {about}\n\n{markdown(scores)}\n" + "".join(f"{note}\n" for note in notes)
    picture = draw(scores, about)
    cases = [(kind, photo) for kind in asked.masks for photo in plan.shown]
    sheet = contact_sheet(store, asked.seed, cases, methods)
    written = {"rows": store.url(ROWS), "masks": store.url(f"{MASKS}/{asked.seed}")}
    for what, name, data in (("table", TABLE, table.encode()), ("picture", PICTURE, picture), ("sheet", SHEET, sheet)):
        if data is not None:
            store.put(name, data)
            written[what] = store.url(name)
    publish_benchmark(run_id, table, picture)
    statuses = rows["status"].to_pylist()
    return {
        "photos": plan.photos,
        "totals": {"rows": rows.num_rows, **{s: statuses.count(s) for s in ("ok", "skipped", "failed")}},
        "scores": [_plain(score) for score in scores],
        "tables": {kind: cells([s for s in scores if s.mask == kind], brief=True) for kind in asked.masks},
        "notes": notes,
        "written": written,
    }


@flow(name="benchmark", retries=0)
def benchmark(
    photos: str,
    methods: tuple[str, ...],
    out: str,
    masks: tuple[str, ...] = ("medium", "thick"),
    seed: int = 0,
    limit: int | None = None,
    sets: tuple[str, ...] = (),
    networks: NetworkFiles | None = None,
) -> dict[str, Any]:
    """Fill and measure what is not there yet, sum up all that was asked for; returns totals, scores, where things lie.

    Raises UsageError (nothing was written), PoolFailure, StorageDenied or StorageUnavailable (rows that are there stay).
    """
    started = time.perf_counter()
    asked = checked(Comparison(photos, methods, masks, out, seed, limit, sets, networks or NetworkFiles()))
    store, settings = Store(asked.out), asked.settings()
    job = BenchmarkJob(
        out=store.root,
        seed=asked.seed,
        networks=asked.networks,
        networks_sha256=asked.networks.sha256(),
        code_version=benchmark_version(),
        threads=1 if settings.runtime.threads == "auto" else settings.runtime.threads,
        timeout_s=settings.limits.item_timeout_s,
    )
    record = _new_record(asked, job)
    with cluster():
        found = list_photos(asked.photos, settings.source, asked.limit)
        plan = Plan(found, asked.masks, methods_of(asked.methods, asked.settings_of), job)
        record["done_now"] = _fill(plan, settings.runtime)
    record |= _publish(asked, plan, record["run_id"])
    record |= {"state": "finished", "finished_at": datetime.now(UTC).isoformat()}
    record["seconds"] = round(time.perf_counter() - started, 3)
    write_run(store, record)
    return record


def _new_record(asked: Comparison, job: BenchmarkJob) -> dict[str, Any]:
    return {
        "run_id": new_run_id(),
        "started_at": datetime.now(UTC).isoformat(),
        "images": asked.photos,
        "methods": list(asked.methods),
        "masks": list(asked.masks),
        "seed": asked.seed,
        "networks": {name: str(path) for name, path in asked.networks.given().items()},
        "networks_sha256": job.networks_sha256,
        "code_version": job.code_version,
        "threads": job.threads,
        "environment": environment(),
    }


def _notes(asked: Comparison) -> list[str]:
    missing = asked.networks.missing()
    notes = ["Over the hole, except features, LPIPS and FID: whole picture. a ± b: half of the interval."]
    if missing:
        notes.append(f"Not measured, because no network's weights are given: {', '.join(missing)}.")
    return notes


def _plain(score: Score) -> dict[str, Any]:
    means = {name: [mean.mean, mean.low, mean.high] for name, mean in score.means.items()}
    return {**{key: value for key, value in vars(score).items() if key != "means"}, "means": means}
