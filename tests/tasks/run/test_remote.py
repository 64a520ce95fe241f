import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import ray

from models.engine import DeviceOutOfMemory, EngineInfo
from tasks.errors import WorkerDied
from tasks.run import remote as module
from tasks.run.actors import LedgerActor
from tasks.run.remote import RemoteGenerator
from tests.tasks.run.test_generating import BROKEN, INFO, crop

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
ray.cloudpickle.register_pickle_by_value(sys.modules[crop.__module__])

POISON = 0.5  # a crop of this value kills


class FakeActor:
    """A generator actor whose crops say what becomes of it; without torch, so that it starts fast."""

    def __init__(self, incarnation: int, ledger: Any) -> None:
        self._incarnation, self._ledger = incarnation, ledger

    def about(self) -> tuple[EngineInfo, int]:
        return INFO, 2

    def fill(self, item_id: str, alone: bool, crops: Any, masks: Any) -> Any:
        # All in flight are one batch, unless alone: as in the real one.
        batch = [item_id] if alone else [item_id, *(["poison"] if item_id == "beside poison" else [])]
        ray.get(self._ledger.generating.remote(0, self._incarnation, batch))
        value = float(crops[0][0, 0, 0])
        if value == POISON or len(batch) == 2:
            os._exit(1)
        if item_id == f"slow in {self._incarnation}":
            time.sleep(60)
        if value == BROKEN:
            raise DeviceOutOfMemory("8x8 does not fit")
        ray.get(self._ledger.generating.remote(0, self._incarnation, []))
        return [1 - c for c in crops]

    def refine(self, item_id: str, alone: bool, crops: Any, masks: Any, guides: Any, steps: int) -> Any:
        return [fill + steps for fill in self.fill(item_id, alone, crops, masks)]


class Supervisor:
    """In the place of the pool: replaces a generator that died."""

    def __init__(self) -> None:
        self.ledger = LedgerActor.remote(60.0)
        self.kind = ray.remote(num_cpus=0, max_restarts=0)(FakeActor)
        self.deaths = 0
        self._stop = threading.Event()
        self.bear()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def bear(self) -> None:
        self.actor = self.kind.remote(self.deaths, self.ledger)
        ray.get(self.ledger.set_generator.remote(0, self.deaths, self.actor))

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            try:
                ray.get(self.actor.about.remote(), timeout=5)
            except ray.exceptions.RayActorError:
                self.deaths += 1
                self.bear()
            except ray.exceptions.GetTimeoutError:
                pass

    def kill(self) -> None:
        """Kill the generator; returns when it is dead and its successor serves."""
        before = self.deaths
        ray.kill(self.actor)
        until(lambda: ray.get(self.ledger.generator.remote("w"))[1] > before)

    def leave(self) -> None:
        self._stop.set()
        self._thread.join()

    def stop(self) -> None:
        self.leave()
        ray.kill(self.actor)
        ray.kill(self.ledger)


@pytest.fixture(scope="module")
def supervisor(ray_cluster: None) -> Iterator[Supervisor]:
    made = Supervisor()
    yield made
    made.stop()


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_restorer_survives_the_deaths_of_its_generator(supervisor: Supervisor) -> None:
    remote = RemoteGenerator("w", supervisor.ledger, max_attempts=1)
    assert (remote.info, remote.threads) == (INFO, 2)
    item = remote.for_item("a")
    assert float(item.fill(*crop(0.0))[0][0, 0, 0]) == 1.0

    assert float(item.refine(*crop(0.0), [np.zeros((4, 4, 3), np.float32)], 5)[0][0, 0, 0]) == 6.0

    # What the generator raises arrives as what it was.
    with pytest.raises(DeviceOutOfMemory, match="8x8"):
        item.fill(*crop(BROKEN))

    # Killed between two calls: nobody is blamed, though with one attempt a single blame would be too many.
    assert float(item.fill(*crop(0.0))[0][0, 0, 0]) == 1.0
    supervisor.kill()
    assert float(item.fill(*crop(1.0))[0][0, 0, 0]) == 0.0

    # A restorer that is born while the generator is dead waits for the next one.
    ray.kill(supervisor.actor)
    assert RemoteGenerator("w", supervisor.ledger, max_attempts=2).info == INFO


def test_who_was_in_the_batch_is_blamed_and_nobody_else(supervisor: Supervisor) -> None:
    remote = RemoteGenerator("w", supervisor.ledger, max_attempts=2)
    with ThreadPoolExecutor(2) as pool:
        born = supervisor.deaths
        slow = pool.submit(remote.fill_for, f"slow in {born}", *crop(0.75))
        until(lambda: ray.get(supervisor.ledger.was_generating.remote(0, born)) == {f"slow in {born}"})
        waiting = pool.submit(remote.fill_for, "waiting", *crop(0.0))
        ray.kill(supervisor.actor)  # during a call
        assert float(slow.result(30)[0][0, 0, 0]) == 0.25
        assert float(waiting.result(30)[0][0, 0, 0]) == 1.0
    before = supervisor.deaths
    with pytest.raises(WorkerDied, match="died 2 times over this item"):
        remote.fill_for("poison", *crop(POISON))
    until(lambda: supervisor.deaths == before + 2)
    assert float(remote.fill_for("next", *crop(0.0))[0][0, 0, 0]) == 1.0


def test_who_shared_a_batch_with_the_culprit_is_tried_alone(supervisor: Supervisor) -> None:
    remote = RemoteGenerator("w", supervisor.ledger, max_attempts=1)
    assert float(remote.fill_for("beside poison", *crop(0.0))[0][0, 0, 0]) == 1.0
    with pytest.raises(WorkerDied):
        remote.fill_for("poison", *crop(POISON))


def test_a_generator_that_is_lost_with_its_node_blames_nobody_and_is_waited_for(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While none is in service there is no end to waiting, and an item's time stands still."""
    monkeypatch.setattr(module, "SUCCESSOR_S", 0.6)
    ledger = LedgerActor.remote(60.0)
    lost = supervisor.kind.remote(0, ledger)
    ray.get(ledger.set_generator.remote(0, 0, lost))
    remote = RemoteGenerator("w", ledger, max_attempts=1)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(remote.fill_for, "slow in 0", *crop(0.75))
        until(lambda: ray.get(ledger.was_generating.remote(0, 0)) == {"slow in 0"})
        ray.get(ledger.withdraw_generator.remote(0, 0, True))
        ray.kill(lost)
        until(lambda: remote.waited_s("slow in 0") > 1.0)
        assert not slow.done()
        ray.get(ledger.set_generator.remote(3, 0, supervisor.kind.remote(1, ledger)))  # another one
        assert float(slow.result(30)[0][0, 0, 0]) == 0.25
    assert remote.waited_s("another") == 0.0
    ray.kill(ledger)


def test_a_generator_that_is_not_replaced_is_not_waited_for_for_ever(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SUCCESSOR_S", 0.6)
    remote = RemoteGenerator("w", supervisor.ledger, max_attempts=3)
    supervisor.leave()  # the last test of this file
    ray.kill(supervisor.actor)
    with pytest.raises(WorkerDied, match="not replaced"):
        remote.fill_for("a", *crop(0.0))
