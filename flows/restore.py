"""The main job: catalog → shards → fill → report."""

import json
import logging
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.artifacts import publish_restore
from flows.outcome import interrupted
from flows.progress import RunProgress
from flows.request import Request
from flows.settings import Settings
from tasks.publish.provenance import code_version
from tasks.publish.report.page import write_report
from tasks.publish.run_record import environment, new_run_id, write_run
from tasks.publish.totals import failed_fraction, totals
from tasks.run.cluster import Width, cluster, fitted, width
from tasks.run.job import Job, ShardDone
from tasks.run.known import committed_rows, refresh_index
from tasks.run.ledger import Snapshot
from tasks.run.metrics import RunMeter
from tasks.run.pool import Pool, Totals
from tasks.run.prepare import Prepared, commit_plan, open_sink, works
from tasks.store.objects import Store

log = logging.getLogger("lacuna.restore")

TOTALS_COLUMNS = ["status", "error", "width", "height", "holes"]


@task(name="catalog", cache_policy=NO_CACHE)
def _catalog(request: Request, store: Store, wide: Width) -> Prepared:
    return request.prepare(store, max(wide.restorers, wide.most))


@task(name="fill", cache_policy=NO_CACHE)
def _fill(job: Job, work: pa.Table, wide: Width) -> Totals:
    """Drives the pool of actors; one Prefect task for the whole run, because a task each for thousands of shards locks SQLite."""
    shards = len(pc.unique(work["shard_id"]))
    with RunProgress(work.num_rows) as progress, RunMeter(work.num_rows, shards) as meter, Pool(job, wide) as pool:

        def tick(now: Snapshot) -> None:
            progress.update(now.done, now.failed, now.megapixels)
            meter.finished(now.done)

        def committed(shard: ShardDone) -> None:
            meter.committed()
            about = {
                "run_id": job.run_id,
                "shard_id": shard.shard_id,
                "statuses": shard.statuses,
                "errors": shard.errors,
            }
            log.info("shard %s is committed: %s", shard.shard_id, shard.statuses, extra=about)

        done = pool.run(works(work), committed, tick)
        progress.update(sum(done.statuses.values()), done.statuses["failed"], done.megapixels)
        return done


@task(name="report", cache_policy=NO_CACHE)
def _report(store: Store) -> str:
    return write_report(store)


@flow(name="restore", retries=0)
def restore(
    images: str,
    out: str,
    masks: str | None = None,
    recipe: str = "balanced",
    settings: Settings | None = None,
    limit: int | None = None,
    retry: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Fill the images under `images` where `masks` say so, into the sink `out`; returns the totals.

    Does what is left: run it again after an interruption, or when the archive has grown. Raises UsageError (nothing was
    written), PoolFailure, StorageDenied or StorageUnavailable (what is committed stays).
    """
    settings = settings or Settings()
    request = Request(images, masks, out, recipe, settings, limit, retry)
    started = time.perf_counter()
    store = open_sink(out)
    with ExitStack() as stack:
        stack.enter_context(cluster())
        wide = width(settings.runtime)
        prepared = _catalog(request, store, wide)
        record = _new_record(request, prepared)
        items, limits, runtime = settings.of_items(), settings.limits, settings.runtime
        job = Job(record["run_id"], store.root, recipe, items, limits, runtime, record["code_version"])
        say(_about(prepared))
        log.info("run %s begins: %s", record["run_id"], _about(prepared), extra={"run_id": record["run_id"]})
        work = commit_plan(prepared, store)
        write_run(store, record)
        try:
            done = _fill(job, work, fitted(wide, prepared.shards)) if work.num_rows else Totals()
            record["state"] = "stopped at limits.max_hours" if done.stopped_early else "finished"
        except BaseException as error:
            record["state"] = "interrupted" if interrupted(error) else f"{type(error).__name__}"
            raise
        finally:
            record["finished_at"] = datetime.now(UTC).isoformat()
            record["seconds"] = round(time.perf_counter() - started, 3)
            about = {"run_id": record["run_id"], "state": record["state"], "seconds": record["seconds"]}
            log.info("run %s: %s after %.0f s", *about.values(), extra=about)
            write_run(store, record)
    record["this_run"] = {
        "shards": done.shards,
        **dict(sorted(done.statuses.items())),
        "holes": done.holes,
    }
    refresh_index(store)
    record["totals"] = totals(committed_rows(store, TOTALS_COLUMNS))
    record["failed_fraction"] = failed_fraction(record["totals"])
    record["report"] = _report(store)
    write_run(store, record)
    publish_restore(record, store)
    return record


def _new_record(request: Request, prepared: Prepared) -> dict[str, Any]:
    return {
        "run_id": new_run_id(),
        "state": "running",
        "started_at": datetime.now(UTC).isoformat(),
        "images": request.images,
        "image_root": prepared.catalog.image_root,
        "mask_root": prepared.catalog.mask_root,
        "masks": request.masks,
        "recipe": request.recipe,
        "settings": request.settings.model_dump(mode="json"),
        "generator": prepared.weights.name,
        "weights_sha256": prepared.weights.sha256,
        "code_version": code_version(),
        "environment": environment(),
        "to_do": {"items": prepared.todo.items, "shards": prepared.shards, **prepared.todo.reasons},
        "ignored": prepared.catalog.ignored,
    }


def _about(prepared: Prepared) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in prepared.todo.reasons.items())
    done = f"; {prepared.todo.committed} done before" if prepared.todo.committed else ""
    ignored = "".join(f"; {count} files ignored ({why})" for why, count in prepared.catalog.ignored.items() if count)
    return f"{prepared.todo.items} items to do{f' ({reasons})' if reasons else ''} in {prepared.shards} shards{done}{ignored}"


def say(line: str) -> None:
    """A line for the person at the terminal; logs and progress share stderr, stdout is for results."""
    print(line, file=sys.stderr, flush=True)


def as_json(record: dict[str, Any]) -> str:
    """The one line of `--json`."""
    return json.dumps({k: v for k, v in record.items() if k not in ("settings", "environment")}, ensure_ascii=False)
