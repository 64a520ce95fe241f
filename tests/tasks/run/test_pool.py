"""The real pool, ledger, shells and restorers; only what is done with an item is made up, and the generator."""

import contextlib
import ctypes
import os
import sys
import time
import types
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray

from tasks.publish.commit import read_results
from tasks.run import crew, servers
from tasks.run import pool as module
from tasks.run.cluster import Width
from tasks.run.job import ItemSpec, Job, ShardWork
from tasks.run.ledger import Ledger
from tasks.run.pool import Pool, PoolFailure, Totals
from tasks.run.settings import ItemSettings, LimitSettings, RuntimeSettings
from tasks.store.objects import Store

pytestmark = pytest.mark.usefixtures("small_actors")
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

WIDTH = Width(2, 0, 1, 0.5)


def do_item(spec: ItemSpec, bench: Any) -> Any:
    """What an item does is in its name."""
    from tasks.run.job import Outcome

    row = {"item_id": spec.item_id, "image": spec.image, "attempts": spec.attempts + 1, "status": "ok"}
    if spec.error is not None:
        return Outcome({**row, "status": "failed", "error": spec.error, "message": spec.message})
    with bench.watch.working(spec.item_id):
        if "die" in spec.item_id:
            os._exit(1)
        if "hang" in spec.item_id:
            time.sleep(600)
        if "stuck" in spec.item_id:
            ctypes.PyDLL(None).sleep(600)  # keeps the interpreter's lock: no thread of this process says anything
        time.sleep(0.3 if "slow" in spec.item_id else 0.01)
        return Outcome(row, (), 1.0)


class SmallShell:
    """The real shell with `do_item` in the place of `restore_item`; torch is not imported, so that it starts fast."""

    def __init__(self, worker: str, job: Job, ledger: Any, threads: int, shared: bool) -> None:
        if job.recipe == "fails at birth":
            raise RuntimeError("no weights here")
        if job.recipe == "dies at birth":
            os._exit(1)
        engine: Any = types.ModuleType("models.engine")
        engine.Engine = engine.EngineInfo = engine.DeviceOutOfMemory = type("Nothing", (), {})
        sys.modules["models.engine"] = engine
        from tasks.run import actors, restorer

        actors.LocalGenerator = lambda settings, threads: None  # type: ignore[assignment, misc]
        actors.BEAT_S = 0.2
        restorer.restore_item = do_item
        self._shell = actors.RestorerShell(worker, job, ledger, threads, False)

    def ready(self) -> str:
        return self._shell.ready()

    def restore(self, work: ShardWork) -> Any:
        return self._shell.restore(work)


class SmallLedger(Ledger):
    """A ledger that is sooner worried by silence, and says what it holds."""

    def __init__(self, item_timeout_s: float) -> None:
        import tasks.run.ledger

        tasks.run.ledger.SILENCE_S = 2.0
        super().__init__(item_timeout_s)

    def held(self) -> int:
        return len(self._workers) + sum(len(w.active) + len(w.outcomes) for w in self._workers.values())


class NoGenerator:
    """A generator that does not come to life."""

    def __init__(self, settings: Any, threads: int, index: int, incarnation: int, ledger: Any) -> None:
        if settings.precision == "bf16":
            os._exit(1)
        raise RuntimeError("no driver for this device")

    def ready(self) -> None:
        pass


@pytest.fixture
def small_actors(ray_cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "RestorerActor", ray.remote(max_restarts=0)(SmallShell))
    monkeypatch.setattr(module, "LedgerActor", ray.remote(num_cpus=0, max_restarts=0)(SmallLedger))


def spec(item: str) -> ItemSpec:
    return ItemSpec(item, f"/in/{item}.png", (), None, f"{item}.png", None, None, None)


def shards(*shards: str) -> list[ShardWork]:
    """Each shard as the names of its items."""
    return [ShardWork(f"s{n}", tuple(map(spec, names.split()))) for n, names in enumerate(shards)]


def job(sink: Path, recipe: str = "fast", **limits: Any) -> Job:
    limits = {"max_attempts": 2, "item_timeout_s": 60} | limits
    return Job("run-1", str(sink), recipe, ItemSettings(), LimitSettings(**limits), RuntimeSettings(), "code-1")


def restored(job: Job, works: list[ShardWork], width: Width = WIDTH) -> tuple[Totals, dict[str, dict[str, Any]]]:
    """Run the pool; every item must have one row in its shard, and the ledger must have forgotten all."""
    with Pool(job, width) as pool:
        totals = pool.run(works, tick_s=0.2)
        assert ray.get(pool._ledger.held.remote()) == 0
    rows = read_results(Store(job.sink)).to_pylist()
    assert Counter((r["shard_id"], r["item_id"]) for r in rows) == Counter(
        (work.shard_id, s.item_id) for work in works for s in work.items
    )
    assert totals.shards == len(works)
    assert totals.statuses == Counter(r["status"] for r in rows)
    return totals, {r["item_id"]: r for r in rows}


def test_a_death_costs_the_item_that_caused_it(tmp_path: Path) -> None:
    works = shards("a1 a2 a3 a4", "b1 b2-slow b-die b3-slow b4 b5", "c1 c2 c3", "d1")
    totals, rows = restored(job(tmp_path), works)
    assert [(i, r["error"]) for i, r in rows.items() if r["status"] != "ok"] == [("b-die", "WorkerDied")]
    assert "died 2 times" in rows["b-die"]["message"] or "died 3 times" in rows["b-die"]["message"]
    assert totals.errors == {"WorkerDied": 1}
    assert totals.megapixels == 13.0


def test_with_one_attempt_the_neighbours_of_a_culprit_are_not_blamed(tmp_path: Path) -> None:
    _, rows = restored(job(tmp_path, max_attempts=1), shards("a-slow b-die c-slow"))
    assert {i: r["error"] for i, r in rows.items()} == {"a-slow": None, "b-die": "WorkerDied", "c-slow": None}


def test_a_hang_costs_the_item_that_hangs(tmp_path: Path) -> None:
    works = shards("a1 a2-slow a-hang a3-slow a4", "b1 b2")
    _, rows = restored(job(tmp_path, item_timeout_s=1), works)
    assert [(i, r["error"]) for i, r in rows.items() if r["status"] != "ok"] == [("a-hang", "Timeout")]
    assert "limits.item_timeout_s = 1" in rows["a-hang"]["message"]


def test_a_process_that_is_stuck_as_a_whole_is_found_by_its_silence(tmp_path: Path) -> None:
    works = shards("a-stuck a1-slow a2", "b1 b2")
    _, rows = restored(job(tmp_path, item_timeout_s=0.5, max_attempts=1), works)
    assert [(i, r["error"]) for i, r in rows.items() if r["status"] != "ok"] == [("a-stuck", "WorkerDied")]


@pytest.mark.parametrize("recipe", ["fails at birth", "dies at birth"])
def test_workers_that_do_not_start_end_the_run(tmp_path: Path, recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_DEATHS", 2)
    with (
        Pool(job(tmp_path, recipe), WIDTH) as pool,
        pytest.raises(PoolFailure, match=rf"no weights here|died {2 * WIDTH.restorers} times"),
    ):
        pool.run(shards("a", "b"), tick_s=0.2)
    assert read_results(Store(str(tmp_path))).num_rows == 0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_generators_that_do_not_start_end_the_run(
    tmp_path: Path, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "IDLE_DEATHS", 2)
    monkeypatch.setattr(servers, "GeneratorActor", ray.remote(max_restarts=0)(NoGenerator))
    plain = job(tmp_path)
    mine = replace(plain, items=plain.items.overridden(None).model_copy(update={"model": _model(precision)}))
    with Pool(mine, Width(1, 1, 1, 0.5)) as pool, pytest.raises(PoolFailure, match="generators d"):
        pool.run(shards(" ".join(f"{n}-slow" for n in range(60))), tick_s=0.2)


def _model(precision: Any) -> Any:
    from models.settings import ModelSettings

    return ModelSettings(precision=precision)


def test_a_commit_that_storage_refuses_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with Pool(job(tmp_path / "file"), WIDTH) as pool, pytest.raises(PoolFailure, match="shard s0 cannot be committed"):
        pool.run(shards("a"), tick_s=0.2)


def test_more_workers_than_cpus_come_to_an_end(tmp_path: Path) -> None:
    """Ray starts only as many as fit at once; those that wait must get the room of those that are done."""
    cpus = int(ray.cluster_resources()["CPU"])
    restored(job(tmp_path), shards("a", "b", "c", "d", "e"), Width(cpus + 1, 0, 1, 1.0))


def test_asking_for_more_than_there_is_room_for_holds_nothing_up(tmp_path: Path) -> None:
    """With an autoscaler it makes room; here none comes."""
    cpus = int(ray.cluster_resources()["CPU"])
    mine = replace(job(tmp_path), runtime=RuntimeSettings(min_actors=cpus + 3))
    restored(mine, shards("a", "b", "c", "d", "e", "f"), Width(1, 0, 1, 1.0, shards=6))


def test_at_its_age_a_run_hands_out_no_more(tmp_path: Path) -> None:
    with Pool(job(tmp_path, max_hours=1e-9), WIDTH) as pool:
        totals = pool.run(shards("a", "b", "c"), tick_s=0.2)
    assert (totals.shards, totals.stopped_early) == (0, True)
    with Pool(job(tmp_path, max_hours=1e-9), WIDTH) as pool:
        assert not pool.run([], tick_s=0.2).stopped_early


def test_shards_are_taken_when_there_is_a_hand_for_them(tmp_path: Path) -> None:
    taken, committed, ahead, ticks = [], [], [], []

    def stream() -> Iterator[ShardWork]:
        for work in shards(*[f"{n}-a {n}-b" for n in range(8)]):
            taken.append(work.shard_id)
            ahead.append(len(taken) - len(committed))
            yield work

    with Pool(job(tmp_path), WIDTH) as pool:
        pool.run(stream(), on_commit=lambda done: committed.append(done.shard_id), on_tick=ticks.append, tick_s=0.1)
        assert ray.get(pool._ledger.held.remote()) == 0
    assert sorted(committed) == taken == [f"s{n}" for n in range(8)]
    assert max(ahead) <= WIDTH.restorers
    assert all(0 <= now.done <= 16 for now in ticks)
    assert [now.done for now in ticks] == sorted(now.done for now in ticks)


def test_a_ledger_that_dies_ends_the_run_by_name(tmp_path: Path) -> None:
    with Pool(job(tmp_path), WIDTH) as pool, pytest.raises(PoolFailure, match="ledger"):
        pool.run(shards("a-slow b-slow c-slow"), on_tick=lambda now: ray.kill(pool._ledger), tick_s=0.1)


def test_an_interruption_passes_and_leaves_no_worker_behind(tmp_path: Path) -> None:
    def interrupt(_: object) -> None:
        if workers():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Pool(job(tmp_path), WIDTH) as pool:
        pool.run(shards("a-hang", "b-hang"), on_tick=interrupt, tick_s=0.1)
    end = time.monotonic() + 20
    while workers():
        assert time.monotonic() < end
        time.sleep(0.1)


def workers() -> list[int]:
    """Processes of this session's restorers."""
    mark, found = f"LACUNA_HOME={os.environ['LACUNA_HOME']}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"SmallShell" in (entry / "cmdline").read_bytes() and mark in (entry / "environ").read_bytes().split(
                b"\0"
            ):
                found.append(int(entry.name))
    return found
