"""A bounded pool of workers: one unit in hand for each; one that kills or hangs its worker costs rows, not the run."""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from tasks.errors import PoolFailure, Timeout, WorkerDied
from tasks.logs import start_logging
from tasks.publish.benchmark.rows import write_part
from tasks.run.benchmark.work import BenchmarkJob, Done, Unit, Worker, failed
from tasks.run.cluster import Width, resource
from tasks.run.signals import deferred_signals
from tasks.store.objects import Store

log = logging.getLogger("lacuna.benchmark")

TICK_S = 1.0


class WorkerShell:
    """A worker in its process, which says when it is there."""

    def __init__(self, job: BenchmarkJob) -> None:
        start_logging()
        self._worker = Worker(job)

    def ready(self) -> int:
        """The process id."""
        return os.getpid()

    def do(self, unit: Unit) -> Done:
        """See `Worker.do`."""
        return self._worker.do(unit)


WorkerActor = ray.remote(max_restarts=0)(WorkerShell)


@dataclass
class _Hand:
    """A worker and its unit; `since` when the worker is known to be there."""

    actor: Any
    there: Any
    unit: Unit
    since: float | None = None


def run_units(
    units: Sequence[Unit],
    job: BenchmarkJob,
    wide: Width,
    gpus: float = 1.0,
    on_done: Callable[[Done], None] = lambda done: None,
) -> Done:
    """Work through the units on the connected cluster; calls back at each commit. Returns the sums.

    wide: with `generators` so many workers that hold `gpus` each, else `restorers`. A unit whose worker dies or hangs is
    tried method by method; a method that still does fails with WorkerDied or Timeout. Raises PoolFailure when workers do
    not start or parts cannot be written; KeyboardInterrupt between ticks, what is committed stays.
    """
    queue = deque(units)
    count = max(1, min(wide.generators or wide.restorers, len(queue)))
    options = {"num_cpus": wide.cpus, "num_gpus": gpus if wide.generators and resource("GPU") else 0}
    spare: list[_Hand] = []
    hands: dict[Any, _Hand] = {}
    total = Done(0, 0, 0.0)

    def tell(done: Done | None) -> None:
        nonlocal total
        if done is not None:
            total = Done(total.rows + done.rows, total.failed + done.failed, total.megapixels + done.megapixels)
            on_done(done)

    with deferred_signals() as deliver:
        try:
            while queue or hands:
                deliver()
                while queue and len(hands) < count:
                    unit = queue.popleft()
                    hand = _again(spare.pop(), unit) if spare else _born(options, job, unit)
                    hands[hand.actor.do.remote(unit)] = hand
                for ref in ray.wait(list(hands), num_returns=1, timeout=TICK_S)[0]:
                    hand = hands.pop(ref)
                    done = _settled(ref, hand, job, queue)
                    tell(done)
                    if done is not None and done.alive:
                        spare.append(hand)
                for ref in [ref for ref, hand in hands.items() if _late(hand, job)]:
                    hand = hands.pop(ref)
                    ray.kill(hand.actor)
                    tell(_given_up(hand.unit, job, queue, Timeout.__name__, f"over {job.timeout_s:g} s"))
            return total
        finally:
            for hand in (*spare, *hands.values()):
                ray.kill(hand.actor)


def _born(options: dict[str, Any], job: BenchmarkJob, unit: Unit) -> _Hand:
    actor: Any = WorkerActor.options(**options).remote(job)
    return _Hand(actor, actor.ready.remote(), unit)


def _again(hand: _Hand, unit: Unit) -> _Hand:
    return _Hand(hand.actor, hand.there, unit, time.monotonic())


def _settled(ref: Any, hand: _Hand, job: BenchmarkJob, queue: deque[Unit]) -> Done | None:
    try:
        done: Done = ray.get(ref)
        return done
    except ray.exceptions.RayTaskError as error:
        raise PoolFailure(f"rows of {hand.unit.photo.name} cannot be written: {error.cause}") from error.cause
    except ray.exceptions.RayActorError:
        try:
            ray.get(hand.there)
        except ray.exceptions.RayActorError as error:
            raise PoolFailure(f"workers do not start: {error}") from error
        return _given_up(hand.unit, job, queue, WorkerDied.__name__, "the process died over this photo")


def _given_up(unit: Unit, job: BenchmarkJob, queue: deque[Unit], error: str, message: str) -> Done | None:
    """None where the unit's methods are tried one by one."""
    log.warning("%s (%s): %s", unit.photo.name, ", ".join(method.name for method in unit.methods), message)
    if len(unit.methods) > 1:
        queue.extendleft(reversed(unit.split()))
        return None
    write_part(Store(job.out), [failed(unit.row(method, job), error, message) for method in unit.methods])
    return Done(1, 1, 0.0, alive=False)


def _late(hand: _Hand, job: BenchmarkJob) -> bool:
    if hand.since is None:
        if ray.wait([hand.there], timeout=0)[0]:
            hand.since = time.monotonic()
        return False
    return time.monotonic() - hand.since > job.timeout_s * len(hand.unit.methods)
