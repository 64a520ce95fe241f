"""Ray in one process, for the real pool: workers that die, hang and come back are objects, results come in the seed's order.

What a worker is told and what it answers is pickled, as it would be; a worker's death unwinds nothing but itself.
"""

import pickle
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ray.exceptions

from tasks.run.job import Job, Outcome, ShardDone, ShardWork
from tasks.run.ledger import SILENCE_S, Ledger
from tasks.run.restorer import AHEAD, Restorer
from tests.chaos.life import Ended, Life, living, step
from tests.tasks.run.test_item import FakeGenerator

NODE = "a node"
NODE_DIED = ray.exceptions.RayActorError(error_msg="The actor died because its node has died.")
STEPS = 70  # about as many as a shard takes


@dataclass
class Luck:
    """What becomes of the workers of one run, by its seed. `deaths`: chance that a shard costs its worker its life.

    `losses`: chance that its node is lost with it.
    """

    seed: int = 0
    deaths: float = 0.0
    hangs: float = 0.0  # share of the deaths that are hangs
    losses: float = 0.0
    rng: random.Random = field(init=False)
    now: float = 0.0  # the ledger's clock, in seconds

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)


class InTurn:
    """A `ThreadPoolExecutor` that does each work when it is asked for: one order for one seed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __enter__(self) -> "InTurn":
        return self

    def __exit__(self, *ended: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *args: Any) -> "InTurn":
        self.result = lambda: work(*args)
        return self

    def map(self, work: Callable[..., Any], *items: Iterable[Any]) -> Iterator[Any]:
        return map(work, *items)


class Result:
    """A future: done by `wait`, or at once."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work, self.value, self.error, self.hangs = work, None, None, False
        self.actor: Any = None

    def settle(self) -> None:
        try:
            self.value = self.work()
        except Ended as ended:
            if ended.life is not getattr(self.actor, "life", None):
                raise  # not the worker has died, but whoever runs it
            self.hangs = not self.actor.lost and self.actor.hangs()
            self.error = (
                self.actor.loss()
                if self.actor.lost
                else ray.exceptions.RayActorError(error_msg="The actor died unexpectedly.")
            )
        except ray.exceptions.RayActorError as error:
            self.error = error
        except Exception as error:  # as Ray hands it on
            cause = pickle.loads(pickle.dumps(error))
            self.error = ray.exceptions.RayTaskError(
                "restore", "", cause, "worker", 1, "127.0.0.1"
            ).as_instanceof_cause()


class Handle:
    """What `Actor.remote(…)` returns: methods with `.remote(…)`."""

    def __init__(self, actor: Any, lazy: bool) -> None:
        self._actor, self._lazy = actor, lazy

    def __getattr__(self, name: str) -> "Handle":
        method = Handle(self._actor, self._lazy)
        method._name = name  # type: ignore[attr-defined]
        return method

    def options(self, **kwargs: Any) -> "Handle":
        return self

    def remote(self, *args: Any) -> Result:
        done = Result(lambda: getattr(self._actor, self._name)(*args))
        done.actor = self._actor
        if not self._lazy:
            done.settle()
        return done


class Ray:
    """The part of the module `ray` that the pool uses."""

    exceptions = ray.exceptions

    def __init__(self, luck: Luck) -> None:
        self._luck = luck

    def get(self, done: Result) -> Any:
        if done.error is not None:
            raise done.error
        return done.value

    def wait(self, waiting: list[Result], num_returns: int, timeout: float) -> tuple[list[Result], list[Result]]:
        ready = [done for done in waiting if not done.hangs]
        if not ready:
            return [], waiting
        chosen = self._luck.rng.choice(ready)
        chosen.settle()
        return ([], waiting) if chosen.hangs else ([chosen], [done for done in waiting if done is not chosen])

    def kill(self, actor: Handle) -> None:
        pass

    def ledger(self) -> Any:
        """In the place of `LedgerActor`."""
        return _Class(lambda timeout_s: Handle(Ledger(timeout_s, lambda: self._luck.now), lazy=False))

    def restorer(self) -> Any:
        """In the place of `RestorerActor`."""
        return _Class(lambda *args: Handle(Worker(self._luck, *args), lazy=True))


class _Class:
    def __init__(self, make: Callable[..., Handle]) -> None:
        self.remote = make

    def options(self, **kwargs: Any) -> "_Class":
        return self


class Worker:
    """The shell of a restorer, without its process."""

    def __init__(self, luck: Luck, name: str, job: Job, ledger: Handle, threads: int, shared: bool) -> None:
        self._luck, self._name, self._job = luck, name, job
        self._ledger: Ledger = ledger._actor
        self.life = Life(name)
        self.lost = False
        self._restorer = Restorer(pickle.loads(pickle.dumps(job)), FakeGenerator(), self)
        self._work = ShardWork("", ())

    def ready(self) -> str:
        if self.lost:
            raise NODE_DIED
        return NODE

    def loss(self) -> "ray.exceptions.RayActorError":
        """What is heard of it first when its node is lost."""
        broken = ray.exceptions.ActorUnavailableError("Socket closed", None)
        return self._luck.rng.choice([broken, NODE_DIED])

    def restore(self, work: ShardWork) -> ShardDone:
        """As `RestorerShell.restore`; with the seed's luck it is not survived."""
        self._work = pickle.loads(pickle.dumps(work))
        self._ledger.open(self._name)
        self.lost = bool(self._luck.losses) and self._luck.rng.random() < self._luck.losses
        if self.lost or self._luck.rng.random() < self._luck.deaths:
            self.life.ends_at = self.life.steps + self._luck.rng.randint(1, STEPS)
        with living(self.life):
            try:
                done: ShardDone = pickle.loads(pickle.dumps(self._restorer.restore(self._work)))
            except Ended:
                self._others_had_begun()
                raise
        self.lost, self.life.ends_at = False, None  # the next shard has its own luck
        return done

    def begin(self, item_id: str) -> None:
        step()
        self._ledger.begin(self._name, item_id)
        step()

    def done(self, item_id: str, outcome: Outcome) -> None:
        step()  # a word that is sent is not waited for: a death a moment before it takes it along
        self._ledger.done(self._name, item_id, pickle.loads(pickle.dumps(outcome)))
        step()

    def hangs(self) -> bool:
        """Whether it hangs instead of having died; then it is over its time, or says nothing at all."""
        if self._luck.rng.random() >= self._luck.hangs:
            return False
        timeout_s = self._job.limits.item_timeout_s
        active = self._ledger._workers[self._name].active
        if active and self._luck.rng.random() < 0.5:
            self._ledger.beat(self._name, dict.fromkeys(active, timeout_s + 1))
        else:
            self._luck.now += timeout_s + SILENCE_S + 1
        return True

    def _others_had_begun(self) -> None:
        """Several items are under way in a process at once."""
        state = self._ledger._workers[self._name]
        fresh = [s.item_id for s in self._work.items if s.item_id not in state.active | state.outcomes.keys()]
        done = {outcome.row["item_id"] for outcome in self._work.outcomes}
        if state.active and not state.active & self._work.alone:
            waiting = [item for item in fresh if item not in done and item not in self._work.alone]
            state.active |= set(waiting[: self._luck.rng.randint(0, AHEAD)])
