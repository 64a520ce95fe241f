"""What driver, pool, restorers, ledger and commit do in a second when an item itself costs nothing; and in what memory.

    python infra/bench/scale.py                       10,000 and 100,000 items
    python infra/bench/scale.py --items 1000 --profile driver.pstats

Everything is what a run has (listing, pairing, plan, Ray's actors, the ledger's word on every item, Parquet files of a shard
put by compare-and-swap), but for the item: a restorer of this file neither reads, fills nor writes an image; the row says so by
`device`. The pool of a fresh process works through a fresh sink for each number of items. Seconds count from the first
shards' commits to the last one's: processes start before. On a machine that has other work to do, items per second of
processor time (of all processes together) say more than those per second. Prints one JSON object; exit code 1 when the
largest number makes fewer than --target items a second, or less than --linear times what the smallest makes.
"""

import argparse
import cProfile
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from command import family, peaks
from plan import make_tree

ROOT = Path(__file__).resolve().parents[2]
Found = dict[str, Any]


def null_restorer() -> Any:
    """A Ray actor class like `RestorerActor` whose items cost nothing; what surrounds an item is the real thing."""
    import ray

    from tasks.run import actors, restorer
    from tasks.run.item import Bench
    from tasks.run.job import ItemSpec, Outcome

    def no_work(spec: ItemSpec, bench: Bench) -> Outcome:
        with bench.watch.working(spec.item_id):
            row = {
                "run_id": bench.job.run_id,
                "item_id": spec.item_id,
                "image": spec.image,
                "mask": "\n".join(spec.masks) or None,
                "image_version": spec.image_version,
                "mask_version": spec.mask_version,
                "attempts": spec.attempts + 1,
                "recipe": bench.job.recipe,
                "code_version": bench.job.code_version,
                "settings_sha256": bench.job.items.sha256(),
                "weights_sha256": bench.generator.info.weights_sha256,
                "status": "skipped",
                "width": 1000,
                "height": 1000,
                "device": "none",
                "finished_at": datetime.now(UTC),
            }
            hole = {"item_id": spec.item_id, "hole": 0, "x": 1, "y": 2, "w": 3, "h": 4, "area": 12, "fill_pass": "none"}
            return Outcome(row, (hole,), 1.0)

    class RestorerShell(actors.RestorerShell):
        def __init__(self, *args: Any) -> None:
            restorer.restore_item = no_work
            super().__init__(*args)

    return ray.remote(max_restarts=0)(RestorerShell)


def processor_s(pid: int) -> dict[str, float]:
    """Processor seconds, so far, of a process and of what Ray started below it, by kind."""
    found: dict[str, float] = {}
    for each, name in family(pid):
        with suppress(OSError, IndexError, ValueError):
            words = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            kind = "driver" if each == pid else {"RestorerShell": "restorers", "Ledger": "ledger"}.get(name, "others")
            found[kind] = found.get(kind, 0.0) + (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return found


def run_once(root: Path, restorers: int, profile: Path | None) -> Found:
    """One run in this process: plan, pool, index."""
    from flows.settings import compose
    from tasks.publish.commit import read_results
    from tasks.publish.provenance import code_version
    from tasks.publish.run_record import new_run_id
    from tasks.run import crew, pool
    from tasks.run.cluster import Width, cluster
    from tasks.run.job import Job, ShardDone
    from tasks.run.known import refresh_index
    from tasks.run.prepare import commit_plan, open_sink, prepare, works

    settings = compose("fast")
    store = open_sink(str(root / "sink"))
    took: Found = {}

    def timed(name: str, began: float) -> None:
        took[name] = round(time.perf_counter() - began, 3)

    with cluster():
        vars(crew)["RestorerActor"] = null_restorer()
        began = time.perf_counter()
        prepared = prepare(
            str(root / "images"),
            str(root / "masks"),
            store,
            source=settings.source,
            items=settings.of_items(),
            runtime=settings.runtime,
            on_change="refuse",
            retry=(),
            limit=None,
            restorers=restorers,
        )
        work = commit_plan(prepared, store)
        timed("planning_s", began)
        job = Job(
            new_run_id(), store.root, "fast", settings.of_items(), settings.limits, settings.runtime, code_version()
        )
        commits: list[tuple[float, int]] = []
        spent: list[dict[str, float]] = []

        def committed(done: ShardDone) -> None:
            commits.append((time.perf_counter(), sum(done.statuses.values())))
            if len(commits) in (
                restorers + 1,
                prepared.shards - restorers,
            ):  # all restorers are at work at both moments
                spent.append(processor_s(os.getpid()))

        profiler = cProfile.Profile()
        began = time.perf_counter()
        with pool.Pool(job, Width(restorers, 0, 1)) as team:
            if profile:
                profiler.enable()
            team.run(works(work), on_commit=committed)
            profiler.disable()
            timed("pool_s", began)
    if profile:
        profiler.dump_stats(profile)
    whole = commits[restorers : prepared.shards - restorers]
    counted = sum(count for _, count in whole[1:])
    seconds = whole[-1][0] - whole[0][0]
    began = time.perf_counter()
    refresh_index(store)
    timed("index_s", began)
    rows = read_results(store, columns=["item_id", "device"])
    assert len(rows["item_id"].unique()) == work.num_rows and rows["device"].unique().to_pylist() == ["none"]
    each = {kind: round(1000 * (spent[-1][kind] - spent[0].get(kind, 0)) / counted, 3) for kind in spent[-1]}
    return {
        "items": work.num_rows,
        "shards": len(commits),
        "items_per_s": round(counted / seconds, 1),
        "processor_ms_per_item": each,
        "items_per_processor_s": round(1000 / sum(each.values()), 1),
        **took,
    }


def measure(items: int, options: argparse.Namespace) -> Found:
    """One run in a process of its own, with its peak memory."""
    with tempfile.TemporaryDirectory(prefix="lacuna-scale-") as root:
        make_tree(Path(root), 2 * items)
        command = [sys.executable, __file__, "--in-child", root, "--restorers", str(options.restorers)]
        if options.profile:
            command += ["--profile", str(options.profile.resolve())]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        with peaks(process.pid, True) as mib:
            out, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        found: Found = json.loads(out.splitlines()[-1])
        return {**found, "peak_mib": {name: round(value) for name, value in mib.items()}}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--restorers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--target", type=float, default=500.0, help="items a second")
    parser.add_argument("--linear", type=float, default=0.9)
    parser.add_argument("--profile", type=Path, help="write what cProfile says of the driver's pool (pstats)")
    parser.add_argument("--in-child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_child:
        print(json.dumps(run_once(options.in_child, options.restorers, options.profile)))
        return
    runs = [measure(items, options) for items in options.items]
    rates = [run["items_per_s"] for run in runs]
    found: Found = {"restorers": options.restorers, "load": round(os.getloadavg()[0], 2), "runs": runs}
    found["linear"] = round(rates[-1] / rates[0], 3)
    found["ok"] = rates[-1] >= options.target and found["linear"] >= options.linear
    print(json.dumps(found))
    sys.exit(0 if found["ok"] else 1)


if __name__ == "__main__":
    main()
