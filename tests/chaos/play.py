"""Play a scenario, then run once more undisturbed: what must then be so.

The last run's sink must hold what an undisturbed run's sink holds: one row for each item, the same bytes, all holes, nothing
half-written, and the archive as it was.
"""

import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flows.request import Request
from flows.settings import compose
from flows.verify import verify
from tasks.errors import PoolFailure, StorageDenied, StorageUnavailable, UsageError, WorkerDied
from tasks.publish.commit import CommitConflict
from tasks.publish.provenance import code_version
from tasks.publish.run_record import new_run_id, write_run
from tasks.run import known
from tasks.run.cluster import Width
from tasks.run.job import Job
from tasks.run.known import refresh_index
from tasks.run.pool import Pool
from tasks.run.prepare import commit_plan, open_sink, works
from tests.chaos import damage, state
from tests.chaos.crew import Luck
from tests.chaos.faults import Faults
from tests.chaos.life import Ended, Life, Turns, living
from tests.chaos.scenario import Phase, Scenario
from tests.chaos.world import World, hire, originals, world

SETTINGS = compose("fast", ["runtime.shard_items=3", "output.sidecar=true"])
# How a run may end that storage or its workers fail.
ENDS = (Ended, PoolFailure, StorageDenied, StorageUnavailable, CommitConflict)
# What a run may say before it has written anything, where storage or a person has been at its files.
SAID = ("storage refuses", "--out: ", "Move it away")
# What a person asks to have done again once the cause is mended.
MENDED = (StorageDenied.__name__, WorkerDied.__name__)
WIDTH = Width(2, 0, 1)


@dataclass
class Undisturbed:
    """What a run finds that nothing happens to: content by backend and state of the archive, made when first asked for."""

    folder: Path
    found: dict[tuple[str, bool], tuple[dict[str, Any], set[str]]] = field(default_factory=dict)

    def of(self, backend: str, changed: bool) -> tuple[dict[str, Any], set[str]]:
        """Content, and the names of all that is in the sink but records and plan."""
        if (backend, changed) not in self.found:
            with world(backend, self.folder / f"{backend} {changed}") as here:
                here.fill(changed)
                assert restore(here, 0) is None
                self.found[backend, changed] = (state.content(here), state.names(here))
        return self.found[backend, changed]


def play(what: Scenario, folder: Path, undisturbed: Undisturbed) -> None:
    """Let it happen, and check what must be so at the end."""
    changed = any(phase.changed for phase in what.phases)
    expected, names = undisturbed.of(what.backend, changed)
    with world(what.backend, folder) as here:
        sink, now = f"{here.root}/sink", False
        here.fill()
        for number, phase in enumerate(what.phases):
            now |= phase.changed
            here.fill(now)
            kept = {} if phase.damage else state.settled(here)
            ended = _phase(here, phase, 1000 * what.seed + number)
            here.fail(Faults())
            if what.absorbed:
                assert ended == [None]
                assert state.content(here) == expected
            state.never(here, kept)
            if phase.damage:
                damage.KINDS[phase.damage](here, random.Random(what.seed))
        here.fill(changed)
        damaged = any(phase.damage for phase in what.phases)
        if damaged:
            _mend(here, sink)
        settled = state.settled(here)
        ended = restore(here, 1, retry=MENDED)
        assert ended is None, ended
        if damaged:
            _mend_found(here, sink)
        elif not changed:
            assert settled.items() <= state.settled(here).items()
        assert state.content(here) == expected
        assert state.names(here) == names
        assert verify(sink)["problems"] == {}
        before = state.settled(here)
        assert restore(here, 2) is None  # there is nothing left to do
        assert state.settled(here) == before
        assert here.files("in") == originals(changed)


def restore(here: World, seed: int, retry: tuple[str, ...] = (), phase: Phase | None = None) -> BaseException | None:
    """One run, as `flows.restore` drives it; what it ended by. Errors that no storage and no worker explains rise."""
    phase = phase or Phase()
    luck, life = Luck(seed, phase.deaths, phase.hangs, phase.losses), Life("driver", phase.ends_at, phase.within)
    with pytest.MonkeyPatch.context() as patch:
        hire(patch, lambda: luck)
        patch.setattr(known, "ANEW_SHARDS", 0)  # or so small a sink would have no index
        return _restore(here, retry, life, luck)


def _restore(here: World, retry: tuple[str, ...], life: Life, luck: Luck) -> BaseException | None:
    request = Request(
        f"{here.root}/in/images", f"{here.root}/in/masks", f"{here.root}/sink", "fast", SETTINGS, retry=retry
    )
    try:
        with living(life):
            store = open_sink(request.out)
            work = commit_plan(request.prepare(store, WIDTH.restorers), store)
            record = {"run_id": new_run_id(), "state": "running", "settings": SETTINGS.model_dump(mode="json")}
            items, limits, runtime = SETTINGS.of_items(), SETTINGS.limits, SETTINGS.runtime
            job = Job(record["run_id"], store.root, "fast", items, limits, runtime, code_version())
            write_run(store, record)
            try:
                with Pool(job, WIDTH) as pool:
                    pool.run(works(work), tick_s=0)
            finally:
                write_run(store, record | {"state": "ended"})
            refresh_index(store)
    except ENDS as ended:
        return ended
    except UsageError as error:
        if not any(said in str(error) for said in SAID):
            raise
        return error
    return None


def _phase(here: World, phase: Phase, seed: int) -> list[BaseException | None]:
    here.fail(Faults(phase.faults))
    here.jump_s = phase.jump_s
    try:
        return _both(here, phase, seed) if phase.together else [restore(here, seed, phase=phase)]
    finally:
        here.jump_s = 0


def _both(here: World, phase: Phase, seed: int) -> list[BaseException | None]:
    """Two runs in turn, each with its own luck; the first may be killed."""
    names = ["first", "second"]
    turns, own = Turns(seed, names), threading.local()
    ended: dict[str, BaseException | None] = {}

    def run(name: str, number: int) -> None:
        own.luck = Luck(seed + 7 * number, phase.deaths, phase.hangs, phase.losses)
        with turns.of(name):
            try:
                ended[name] = _restore(
                    here, (), Life(name, phase.ends_at if number == 0 else None, phase.within), own.luck
                )
            except BaseException as error:
                ended[name] = error

    with pytest.MonkeyPatch.context() as patch:
        hire(patch, lambda: own.luck)
        patch.setattr(known, "ANEW_SHARDS", 0)
        threads = [threading.Thread(target=run, args=(name, number)) for number, name in enumerate(names)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for error in ended.values():
        if error is not None and not isinstance(error, (*ENDS, UsageError)):
            raise error
    return [ended[name] for name in names]


def _mend(here: World, sink: str) -> None:
    """A damaged file is named, and a person moves it away, as they are told."""
    for _ in range(9):
        try:
            verify(sink)
        except UsageError as error:
            if "no run has been here" in str(error) or "its plan is gone" in str(error):
                return
            assert "Move it away" in str(error)
            path = str(error).partition(" is damaged")[0].rpartition("/sink/")[2]
            for each in {path, path.replace("holes/", "results/")} & here.files("sink").keys():
                here.remove(f"sink/{each}")
        else:
            return
    raise AssertionError("there is no end of damaged files")


def _mend_found(here: World, sink: str) -> None:
    """What `lacuna verify` finds is done again as it says: the shard's results are moved away."""
    found = verify(sink)
    for shard in {finding["shard_id"] for finding in found["findings"]}:
        here.remove(f"sink/results/{shard}.parquet")
    if found["findings"]:
        assert restore(here, 3) is None
