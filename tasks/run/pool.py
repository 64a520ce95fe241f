"""The bounded pool: one shard in hand for each restorer, deaths and hangs attributed, everything else carried on."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import ray

from tasks.errors import PoolFailure, Timeout, WorkerDied
from tasks.run.actors import GeneratorActor, LedgerActor, RestorerActor
from tasks.run.cluster import Width, resource
from tasks.run.job import ItemSpec, Job, ShardDone, ShardWork
from tasks.run.ledger import Left, Snapshot
from tasks.run.signals import deferred_signals

log = logging.getLogger("lacuna.pool")

# A shard whose worker dies this often with no item in hand (at its commit, say) stops the run.
IDLE_DEATHS = 10


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


@dataclass
class _Hand:
    """One restorer and what it has in hand."""

    name: str
    actor: Any
    work: ShardWork | None = None


class Pool:
    """Restorers, generators and the ledger of one run. Use as a context manager: leaving it kills them."""

    def __init__(self, job: Job, width: Width) -> None:
        self._job, self._width = job, width
        self._born = 0
        self._idle_deaths: Counter[str] = Counter()
        self._ledger: Any = None
        self._generators: dict[Any, tuple[int, int, Any]] = {}  # end of life -> index, incarnation, actor
        self._hands: dict[Any, _Hand] = {}  # result in the making -> who makes it
        self._spare: list[_Hand] = []

    def __enter__(self) -> "Pool":
        self._ledger = LedgerActor.remote(self._job.limits.item_timeout_s)
        for index in range(self._width.generators):
            self._bear_generator(index, 0)
        return self

    def __exit__(self, *ended: object) -> None:
        for hand in self._hands.values():
            ray.kill(hand.actor)
        self._dismiss_spare()
        for *_, actor in self._generators.values():
            ray.kill(actor)
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
        totals = Totals()
        queue, source = deque[ShardWork](), iter(works)
        deadline = None if self._job.limits.max_hours is None else time.monotonic() + self._job.limits.max_hours * 3600
        told = 0.0
        while True:
            deliver()
            time_is_up = deadline is not None and time.monotonic() > deadline
            while len(self._hands) < self._width.restorers:
                work = queue.popleft() if queue else next(source, None)
                if work is None:
                    self._dismiss_spare()  # a worker that still waits for its CPUs gets theirs
                    break
                if time_is_up:
                    totals.stopped_early = True
                    break
                self._hand_out(self._spare.pop() if self._spare else self._bear_restorer(), work)
            if not self._hands:
                self._dismiss_spare()
                return totals
            ready, _ = ray.wait([*self._hands, *self._generators], num_returns=1, timeout=tick_s)
            for ref in ready:
                if ref in self._generators:
                    self._replace_generator(ref)
                    continue
                hand = self._hands.pop(ref)
                done = self._settle(ref, hand, queue)
                if done is not None:
                    totals.add(done)
                    on_commit(done)
                    self._spare.append(hand)
            if time.monotonic() - told >= tick_s:
                told = time.monotonic()
                snapshot = ray.get(self._ledger.snapshot.remote())
                on_tick(snapshot)
                self._stop_overdue(snapshot, queue)

    def _dismiss_spare(self) -> None:
        while self._spare:
            ray.kill(self._spare.pop().actor)

    def _hand_out(self, hand: _Hand, work: ShardWork) -> None:
        hand.work = work
        self._hands[hand.actor.restore.remote(work)] = hand

    def _bear_restorer(self) -> _Hand:
        self._born += 1
        name = f"restorer-{self._born}"
        generator = self._born % self._width.generators if self._width.generators else None
        options = {"num_cpus": self._width.cpus, "num_gpus": 0}
        actor = RestorerActor.options(**options).remote(name, self._job, self._ledger, self._width.threads, generator)
        return _Hand(name, actor)

    def _bear_generator(self, index: int, incarnation: int) -> None:
        gpus = self._job.runtime.gpus_per_actor if resource("GPU") else 0
        actor: Any = GeneratorActor.options(num_cpus=0, num_gpus=gpus).remote(
            self._job.items.model, self._width.threads, index, incarnation, self._ledger
        )
        ray.get(self._ledger.set_generator.remote(index, incarnation, actor))
        self._generators[actor.forever.remote()] = (index, incarnation, actor)

    def _replace_generator(self, ref: Any) -> None:
        index, incarnation, _ = self._generators.pop(ref)
        log.warning("generator %d died and is replaced", index)
        if self._never_started(ref):
            raise PoolFailure(f"generators do not start: {self._reason(ref)}")
        if not ray.get(self._ledger.has_generated.remote(index, incarnation)):
            self._idle_deaths["generators"] += 1
            if self._idle_deaths["generators"] >= IDLE_DEATHS:
                raise PoolFailure(f"generators died {IDLE_DEATHS} times before they did anything: {self._reason(ref)}")
        self._bear_generator(index, incarnation + 1)

    def _settle(self, ref: Any, hand: _Hand, queue: deque[ShardWork]) -> ShardDone | None:
        """What came of a shard in hand: committed, or (None) its worker died and what is left is queued again."""
        assert hand.work is not None
        try:
            done: ShardDone = ray.get(ref)
        except ray.exceptions.RayActorError as error:
            left: Left = ray.get(self._ledger.close.remote(hand.name))
            if self._never_started(ref):
                raise PoolFailure(f"workers do not start: {self._reason(ref)}") from error
            log.warning("%s died with %d items in hand", hand.name, len(left.active))
            queue.appendleft(self._after_death(hand.work, left))
            return None
        except ray.exceptions.RayTaskError as error:
            raise PoolFailure(f"shard {hand.work.shard_id} cannot be committed: {error.cause}") from error.cause
        ray.get(self._ledger.close.remote(hand.name))
        return done

    def _after_death(self, work: ShardWork, left: Left) -> ShardWork:
        """The rest of a shard after its worker died: suspects go one at a time, and are given up after `max_attempts`."""
        if not left.active:
            self._idle_deaths[work.shard_id] += 1
            if self._idle_deaths[work.shard_id] >= IDLE_DEATHS:
                raise PoolFailure(f"the worker of shard {work.shard_id} died {IDLE_DEATHS} times with no item in hand")
        items = tuple(self._blamed(spec, left) if spec.item_id in left.active else spec for spec in work.items)
        return replace(
            work, items=items, outcomes=(*work.outcomes, *left.outcomes), alone=work.alone | set(left.active)
        )

    def _blamed(self, spec: ItemSpec, left: Left) -> ItemSpec:
        attempts = spec.attempts + 1
        if attempts < self._job.limits.max_attempts or len(left.active) > 1:
            return replace(spec, attempts=attempts)
        message = f"the process died {attempts} times while it worked on this item, the last time on nothing else"
        return replace(spec, attempts=attempts - 1, error=WorkerDied.__name__, message=message)

    def _stop_overdue(self, snapshot: Snapshot, queue: deque[ShardWork]) -> None:
        """Kill workers that hang; an item over its time is given up, a silent worker's items are tried one at a time."""
        for ref, hand in list(self._hands.items()):
            late = snapshot.overdue.get(hand.name)
            if late is None:
                continue
            ray.kill(hand.actor)
            del self._hands[ref]
            left: Left = ray.get(self._ledger.close.remote(hand.name))
            assert hand.work is not None
            log.warning("%s hangs over %s and is stopped", hand.name, sorted(late) or "an unknown item")
            if not late:
                queue.appendleft(self._after_death(hand.work, left))
                continue
            message = f"over limits.item_timeout_s = {self._job.limits.item_timeout_s:g}"
            items = tuple(
                replace(spec, error=Timeout.__name__, message=message) if spec.item_id in late else spec
                for spec in hand.work.items
            )
            outcomes = (*hand.work.outcomes, *left.outcomes)
            queue.appendleft(replace(hand.work, items=items, outcomes=outcomes))

    def _never_started(self, ref: Any) -> bool:
        return "creation task" in self._reason(ref) or "__init__" in self._reason(ref)

    @staticmethod
    def _reason(ref: Any) -> str:
        try:
            ray.get(ref)
        except ray.exceptions.RayActorError as error:
            return str(error)
        return ""
