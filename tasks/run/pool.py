"""The bounded pool: one shard in hand for each restorer, deaths and hangs attributed, everything else carried on.

It grows and shrinks with the queue and with the cluster (`scaling`); what was in hand at a node that is lost is queued again.
"""

import logging
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ray

from tasks.errors import PoolFailure
from tasks.run.actors import LedgerActor
from tasks.run.blame import Blame
from tasks.run.cluster import Width, beside_driver
from tasks.run.crew import Crew, Hand
from tasks.run.job import Job, ShardDone, ShardWork
from tasks.run.ledger import Left, Snapshot
from tasks.run.loss import Cause, cause, never_started
from tasks.run.scaling import Scaling
from tasks.run.servers import Servers
from tasks.run.signals import deferred_signals

log = logging.getLogger("lacuna.pool")

# As many deaths for each worker, one after the other and before any did anything, stop the run.
IDLE_DEATHS = 10
# A run that nobody works for says so.
ALONE_S = 60.0


@dataclass
class Totals:
    """What a run has committed."""

    shards: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    megapixels: float = 0.0
    holes: int = 0
    stopped_early: bool = False  # limits.max_hours

    def add(self, done: ShardDone) -> None:
        """Count a committed shard."""
        self.shards += 1
        self.statuses.update(done.statuses)
        self.errors.update(done.errors)
        self.megapixels += done.megapixels
        self.holes += done.holes


class Pool:
    """Restorers, generators and the ledger of one run. Use as a context manager: leaving it kills them."""

    def __init__(self, job: Job, width: Width) -> None:
        self._job, self._width = job, width
        self._scaling = Scaling(width, job.runtime)
        self._idle_deaths = 0
        self._blame = Blame(job.limits)
        self._queue = deque[ShardWork]()  # what comes back from workers that died
        self._source: Iterator[ShardWork] = iter(())
        self._exhausted = False
        self._ledger: Any = None

    def __enter__(self) -> "Pool":
        self._ledger = LedgerActor.options(**beside_driver()).remote(self._job.limits.item_timeout_s)
        self._crew = Crew(self._job, self._width, self._ledger)
        self._servers = Servers(self._job, self._width, self._ledger)
        return self

    def __exit__(self, *ended: object) -> None:
        self._crew.dismiss()
        self._servers.dismiss()
        ray.kill(self._ledger)

    def run(
        self,
        works: Iterable[ShardWork],
        on_commit: Callable[[ShardDone], None] = lambda done: None,
        on_tick: Callable[[Snapshot], None] = lambda snapshot: None,
        tick_s: float = 1.0,
    ) -> Totals:
        """Work through the shards. Calls back from the calling thread, at each commit and about once a `tick_s`.

        Raises PoolFailure. KeyboardInterrupt passes through between ticks: what is committed stays.
        """
        with deferred_signals() as deliver:
            try:
                return self._run(works, on_commit, on_tick, tick_s, deliver)
            except ray.exceptions.RayActorError as error:  # deaths of workers are settled where they are found
                raise PoolFailure(f"the ledger of the run died: {error}") from error

    def _run(
        self,
        works: Iterable[ShardWork],
        on_commit: Callable[[ShardDone], None],
        on_tick: Callable[[Snapshot], None],
        tick_s: float,
        deliver: Callable[[], None],
    ) -> Totals:
        totals, crew = Totals(), self._crew
        self._source, self._exhausted = iter(works), False
        hours = self._job.limits.max_hours
        deadline = math.inf if hours is None else time.monotonic() + hours * 3600
        told, worked = 0.0, time.monotonic()
        while True:
            deliver()
            if time.monotonic() > deadline:
                totals.stopped_early |= self._next() is not None
                self._exhausted = True
                self._queue.clear()
            while crew.idle and (work := self._next()):
                crew.hand_out(work)
            over = self._exhausted and not self._queue
            if over and not crew.busy and not crew.doubtful:
                crew.have(0)
                self._servers.have(0)
                return totals
            wanted = self._scaling.restorers(totals.shards)
            # Where nothing is left to hand out, a worker that still waits for its CPUs must not keep them from others.
            crew.have(min(wanted, len(crew.busy) + len(self._queue)) if self._exhausted else wanted)
            self._servers.have(self._scaling.generators(crew.size()))
            ready, _ = ray.wait([*crew.references, *self._servers.references], num_returns=1, timeout=tick_s)
            for ref in ready:
                done = self._settle(ref)
                if done is not None:
                    totals.add(done)
                    on_commit(done)
            if time.monotonic() - told >= tick_s:
                told = time.monotonic()
                snapshot = ray.get(self._ledger.snapshot.remote())
                on_tick(snapshot)
                self._stop_overdue(snapshot)
                worked = told if crew.busy or crew.idle else worked
                if told - worked > ALONE_S:
                    worked = told
                    log.warning("no worker is there for %.0f s: %d are asked for", ALONE_S, len(crew.starting))

    def _next(self) -> ShardWork | None:
        """The next shard to be handed out, if there is one."""
        if self._queue:
            return self._queue.popleft()
        work = None if self._exhausted else next(self._source, None)
        self._exhausted |= work is None
        return work

    def _settle(self, ref: Any) -> ShardDone | None:
        """What a reference that is there means; a shard that was committed, or None."""
        crew = self._crew
        if ref in crew.busy:
            return self._worked(ref, crew.busy.pop(ref))
        if ref in crew.starting:
            self._started(ref, crew.starting.pop(ref))
        elif ref in crew.doubtful:
            self._answered(ref, crew.doubtful.pop(ref))
        else:
            self._servers.settle(ref)
        return None

    def _started(self, ref: Any, hand: Hand) -> None:
        try:
            hand.node = ray.get(ref)
        except ray.exceptions.RayActorError as error:
            if cause(error, None) is not Cause.PROCESS:
                ray.kill(hand.actor)
                return
            if never_started(error):
                raise PoolFailure(f"workers do not start: {error}") from error
            self._idle_deaths += 1
            if self._idle_deaths >= IDLE_DEATHS * self._width.restorers:
                raise PoolFailure(
                    f"workers died {self._idle_deaths} times before they did anything: {error}"
                ) from error
            return
        self._idle_deaths = 0
        self._crew.idle.append(hand)

    def _worked(self, ref: Any, hand: Hand) -> ShardDone | None:
        """What came of a shard in hand: committed, or (None) its worker died and what is left is queued again."""
        assert hand.work is not None
        try:
            done: ShardDone = ray.get(ref)
        except ray.exceptions.RayActorError as error:
            why = cause(error, hand.node)
            if why is Cause.UNKNOWN:
                self._crew.doubt(hand)
            else:
                self._died(hand, why)
            return None
        except ray.exceptions.RayTaskError as error:
            raise PoolFailure(f"shard {hand.work.shard_id} cannot be committed: {error.cause}") from error.cause
        ray.get(self._ledger.close.remote(hand.name))
        self._crew.idle.append(hand)
        return done

    def _answered(self, ref: Any, hand: Hand) -> None:
        """It is known what became of a worker that was out of reach. One in reach again is stopped: its result is lost."""
        try:
            ray.get(ref)
            why = Cause.NODE
        except ray.exceptions.RayActorError as error:
            why = cause(error, hand.node)
        ray.kill(hand.actor)
        self._died(hand, Cause.PROCESS if why is Cause.PROCESS else Cause.NODE)

    def _died(self, hand: Hand, why: Cause) -> None:
        left: Left = ray.get(self._ledger.close.remote(hand.name))
        log.warning("%s, with %d items in hand: %s", hand.name, len(left.active), why.value)
        assert hand.work is not None
        after = self._blame.after_loss if why is Cause.NODE else self._blame.after_death
        self._queue.appendleft(after(hand.work, left))

    def _stop_overdue(self, snapshot: Snapshot) -> None:
        """Kill workers that hang over an item for too long, or say nothing at all."""
        for ref, hand in list(self._crew.busy.items()):
            late = snapshot.overdue.get(hand.name)
            if late is None:
                continue
            ray.kill(hand.actor)
            del self._crew.busy[ref]
            left: Left = ray.get(self._ledger.close.remote(hand.name))
            assert hand.work is not None
            log.warning("%s hangs over %s and is stopped", hand.name, sorted(late) or "an unknown item")
            self._queue.appendleft(self._blame.after_hang(hand.work, left, late))
