"""What a run costs around the filling itself. Prints one JSON object a subcommand; exit code 1 when a target is missed.

    python infra/bench/run.py overhead     from first fill to last commit, against a bare loop with the same threads
    python infra/bench/run.py startup      from the start of the process to the first fill, and what it is spent on
    python infra/bench/run.py memory       peak memory of driver and restorers at 1,000 small images, against 100
    python infra/bench/run.py width        images a second by number of restorers and threads

Every run is the real command in a process of its own, on photographs made for the purpose (`photos.py`), into a fresh
temporary sink. What is compared is measured by turns, `--repeats` times; of each side the fastest counts: what else the
machine does only ever adds. `first fill` is when the first item's pixels were there and its filling began.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from command import child, restore
from photos import make_archive

SMALL = ((64, 64), (72, 96), (96, 80), (80, 64))  # height, width
WIDTHS = ((1, 1), (1, 2), (2, 1), (2, 2))  # restorers, threads of each
# Two restorers of one thread, against what a run without the pool's width could do with the same cores: least ratios.
WIDE, AGAINST = (2, 1), {(1, 1): 1.7, (1, 2): 0.95}
RAY_WORKER_NICENESS = 15  # Ray's default: on a busy machine a loop with more priority would be no comparison
Found = dict[str, Any]


def bare(images: Path, masks: Path, workers: int, threads: int) -> float:
    """Seconds of the bare loop over all images in a process of its own: decode, fill, encode; start-up not counted."""
    command = [sys.executable, __file__, "bare", str(images), str(masks), str(workers), str(threads)]
    with child(command, {}) as process:
        out, err = process.communicate()
    if process.returncode:
        raise SystemExit(f"the bare loop ended with {process.returncode}:\n{err}")
    return float(out)


def bare_loop(images: Path, masks: Path, workers: int, threads: int) -> float:
    """The loop itself, in this process: `workers` Python threads, each with a generator of `threads` threads."""
    import cv2

    from flows.settings import compose
    from models.engine import Engine
    from tasks.correct.corrections import chosen
    from tasks.fill.fill import fill_image
    from tasks.fill.mask import hole_from_luminance
    from tasks.store.formats.vips import set_threads
    from tasks.store.image import decode, decode_mask, encode, read_header

    os.setpriority(os.PRIO_PROCESS, 0, RAY_WORKER_NICENESS)
    cv2.setNumThreads(1)
    set_threads(1)
    settings = compose("balanced")
    paths = sorted(images.iterdir())
    engines = [Engine(settings.model.name, threads=threads) for _ in range(workers)]

    def work(index: int) -> None:
        for path in paths[index::workers]:
            data = path.read_bytes()
            pixels = decode(data, read_header(data, 200))
            mask, _ = decode_mask((masks / path.name).with_suffix(".png").read_bytes(), 200)
            hole = hole_from_luminance(mask, settings.mask)
            filled = fill_image(
                pixels, hole, engines[index], settings.mask, settings.fill, corrections=chosen(settings.correct)
            )
            encode(filled.pixels, data, filled.mask, settings.output)

    team = [threading.Thread(target=work, args=(index,)) for index in range(workers)]
    began = time.perf_counter()
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    return time.perf_counter() - began


def overhead(root: Path, options: argparse.Namespace) -> Found:
    """restore against the bare loop: one generator with all threads, and as many generators as restore has restorers."""
    images, masks = make_archive(root, options.images)
    cpus = len(os.sched_getaffinity(0))
    took: dict[str, list[float]] = {"restore_s": [], "bare_s": [], "bare_side_by_side_s": []}
    for _ in range(options.repeats):
        took["restore_s"].append(restore(images, masks).filling_s)
        took["bare_s"].append(bare(images, masks, 1, cpus))
        took["bare_side_by_side_s"].append(bare(images, masks, cpus, 1))
    best = {name: min(seconds) for name, seconds in took.items()}
    found = {"images": options.images, "threads": cpus, **_rounded(took)}
    found["ratio"] = round(best["restore_s"] / best["bare_s"], 3)
    found["ratio_side_by_side"] = round(best["restore_s"] / best["bare_side_by_side_s"], 3)
    return {**found, "target": options.target, "ok": found["ratio"] <= options.target}


def startup(root: Path, options: argparse.Namespace) -> Found:
    """Process start to first fill, with Prefect's database made before and without; what it is spent on, from one run each."""
    images, masks = make_archive(root, options.images)
    found: Found = {"images": options.images}
    for case in ("fresh", "again"):
        seconds: list[float] = []
        moments: dict[str, float] = {}
        for number in range(options.repeats):
            home = root / f"prefect-{number}"  # `fresh` makes its database, `again` finds it
            times = root / "times.json"
            program = (str(Path(__file__)), "timeline", str(times))
            ran = restore(images, masks, program=program, PREFECT_HOME=str(home))
            seconds.append(ran.first_fill - ran.started)
            if seconds[-1] == min(seconds):
                moments = {**json.loads(times.read_text()), "first fill": ran.first_fill}
                moments |= {"last commit": ran.last_commit, "process end": ran.ended}
                moments = {name: at - ran.started for name, at in moments.items()}
        found[case] = _rounded({"first_fill_s": seconds, "moments_s": moments})
    worst = max(min(found[case]["first_fill_s"]) for case in ("fresh", "again"))
    return {**found, "target_s": options.target, "ok": worst <= options.target}


def timeline(times: Path, arguments: list[str]) -> None:
    """The command in this process, with the moments of its start-up written to `times` (JSON, seconds since the epoch)."""
    moments = {"interpreter up": time.time()}

    def stamped(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """The function, and `name` is the moment of its first return."""

        def call(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            moments.setdefault(name, time.time())
            times.write_text(json.dumps(moments))
            return result

        return call

    launch, ray = import_module("flows.launch"), import_module("ray")
    init = stamped(ray.init, "Ray up")

    def begin(*args: Any, **kwargs: Any) -> Any:
        moments["imports done"] = time.time()
        flow, plan = import_module("flows.restore"), import_module("tasks.run.prepare")
        vars(plan)["prepare"] = stamped(vars(plan)["prepare"], "catalog made")
        vars(flow)["write_run"] = stamped(vars(flow)["write_run"], "plan and record written")
        return init(*args, **kwargs)

    vars(ray)["init"] = begin
    vars(launch)["wait_for_api"] = stamped(vars(launch)["wait_for_api"], "Prefect's server up")
    sys.argv = ["lacuna", *arguments]
    from flows.cli import main

    main()


def memory(root: Path, options: argparse.Namespace) -> Found:
    """Peak memory at few and at many small images."""
    few, many = (make_archive(root / str(count), count, SMALL) for count in (options.images // 10, options.images))
    runs = {"few": restore(*few, watch=True), "many": restore(*many, watch=True)}
    found: Found = {"images": options.images, **{f"{name}_mib": _rounded(run.peak_mib) for name, run in runs.items()}}
    found["ratio"] = _rounded({k: runs["many"].peak_mib[k] / runs["few"].peak_mib[k] for k in ("driver", "restorer")})
    return {**found, "target": options.target, "ok": max(found["ratio"].values()) <= options.target}


def width(root: Path, options: argparse.Namespace) -> Found:
    """Images a second for each width, from first fill to last commit; two restorers of one thread against one."""
    images, masks = make_archive(root, options.images)
    rates: dict[tuple[int, int], list[float]] = {}
    for _ in range(options.repeats):
        for actors, threads in WIDTHS:
            ran = restore(images, masks, f"runtime.actors={actors}", f"runtime.threads={threads}")
            rates.setdefault((actors, threads), []).append(ran.filled / ran.filling_s)
    return {"images": options.images, "cpus": len(os.sched_getaffinity(0)), **compared(rates)}


def compared(rates: dict[tuple[int, int], list[float]]) -> Found:
    """Images a second by (restorers, threads), and whether two restorers do as much more as they should."""
    best = {wide: max(each) for wide, each in rates.items()}
    ratios = {other: best[WIDE] / best[other] for other in AGAINST}
    named = {f"{actors} x {threads}": rates[actors, threads] for actors, threads in rates}
    return {
        "restorers x threads": {name: {"images_per_s": _rounded(each)} for name, each in named.items()},
        "ratio": {f"2 x 1 to {a} x {t}": round(ratio, 3) for (a, t), ratio in ratios.items()},
        "target": {f"2 x 1 to {a} x {t}": least for (a, t), least in AGAINST.items()},
        "ok": all(ratios[other] >= least for other, least in AGAINST.items()),
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else round(value, 3)


def main() -> None:
    """Command line."""
    if sys.argv[1:2] == ["bare"]:  # this program's own child processes
        print(bare_loop(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))
        return
    if sys.argv[1:2] == ["timeline"]:
        timeline(Path(sys.argv[2]), sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="overhead | startup | memory | width")
    for measure, images, repeats, target in (
        (overhead, 200, 1, 1.15),
        (startup, 8, 2, 20.0),
        (memory, 1000, 1, 1.2),
        (width, 48, 2, None),
    ):
        command = commands.add_parser(measure.__name__, help=measure.__doc__)
        command.set_defaults(measure=measure)
        command.add_argument("--images", type=int, default=images)
        command.add_argument("--repeats", type=int, default=repeats)
        if target is not None:
            command.add_argument("--target", type=float, default=target)
        command.add_argument("--json", action="store_true", help="one line, for a machine")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lacuna-bench-") as root:
        found = options.measure(Path(root), options)
    print(json.dumps(found, indent=None if options.json else 2))
    sys.exit(0 if found["ok"] else 1)


if __name__ == "__main__":
    main()
