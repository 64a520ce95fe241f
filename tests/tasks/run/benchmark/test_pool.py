"""Real workers in their processes: what kills or hangs one costs a row."""

import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import ray
from ray import cloudpickle

from tasks.catalog.settings import SourceSettings
from tasks.errors import PoolFailure
from tasks.publish.benchmark.rows import read_rows
from tasks.run.benchmark.method import Damaged, Fill, Pixels
from tasks.run.benchmark.photos import list_photos
from tasks.run.benchmark.plan import Plan
from tasks.run.benchmark.pool import run_units
from tasks.run.benchmark.work import BenchmarkJob, Done
from tasks.run.cluster import Width
from tasks.store.objects import Store

TWO = Width(restorers=2, generators=0, threads=1, cpus=0)


@pytest.fixture(autouse=True)
def by_value() -> None:
    """Workers cannot import this file."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])


@dataclass(frozen=True)
class Told:
    """Fills; over photo `on` it does as it is told: dies, or hangs."""

    name: str
    does: str = ""
    on: str = ""
    timed: bool = True

    def version(self, photo: str, kind: str) -> str:
        return "1"

    def load(self, threads: int) -> Fill:
        return self.fill

    def fill(self, damaged: Damaged) -> Pixels:
        if self.does == "die" and damaged.name == self.on:
            os._exit(1)
        if self.does == "hang" and damaged.name == self.on:
            time.sleep(60)
        return np.full_like(damaged.pixels, 90)


def done(photos: Path, job: BenchmarkJob, *methods: Told) -> tuple[Done, list[Done], dict[tuple[str, str], str]]:
    plan = Plan(list_photos(str(photos), SourceSettings()), ("thin",), methods, job)
    told: list[Done] = []
    total = run_units(plan.left(), job, TWO, on_done=told.append)
    rows = read_rows(Store(job.out), plan.keys).to_pylist()
    return total, told, {(row["photo"], row["method"]): row["error"] or row["status"] for row in rows}


@pytest.mark.usefixtures("ray_cluster")
def test_a_method_that_kills_its_worker_costs_one_row(photos: Path, job: BenchmarkJob) -> None:
    killer = Told("killer", "die", "sub/b.png")
    total, told, found = done(photos, job, Told("good"), killer, Told("fine"))
    assert found == {
        (photo, method): "WorkerDied" if (photo, method) == ("sub/b.png", "killer") else "ok"
        for photo in ("a.png", "sub/b.png", "sub/c.png")
        for method in ("good", "killer", "fine")
    }
    assert (total.rows, total.failed) == (9, 1)
    assert sum(each.rows for each in told) == 9


@pytest.mark.usefixtures("ray_cluster")
def test_a_method_that_hangs_is_stopped(photos: Path, job: BenchmarkJob) -> None:
    total, _, found = done(photos, replace(job, timeout_s=1.5), Told("sleeper", "hang", "a.png"))
    assert found == {("a.png", "sleeper"): "Timeout", ("sub/b.png", "sleeper"): "ok", ("sub/c.png", "sleeper"): "ok"}
    assert (total.rows, total.failed) == (3, 1)


@pytest.mark.usefixtures("ray_cluster")
def test_rows_that_cannot_be_written_stop_the_run(photos: Path, job: BenchmarkJob, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    plan = Plan(list_photos(str(photos), SourceSettings()), ("thin",), [Told("good")], job)
    with pytest.raises(PoolFailure, match="cannot be written"):
        run_units(plan.units, replace(job, out=str(tmp_path / "file" / "out")), TWO)


@pytest.mark.usefixtures("ray_cluster")
def test_nothing_to_do_starts_nothing(job: BenchmarkJob) -> None:
    before = len(ray.util.list_named_actors(all_namespaces=True))
    assert run_units([], job, TWO) == Done(0, 0, 0.0)
    assert len(ray.util.list_named_actors(all_namespaces=True)) == before
