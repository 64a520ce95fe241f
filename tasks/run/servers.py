"""The generator actors of a run: kept at their number, and in the ledger while they serve."""

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any

import ray

from tasks.errors import PoolFailure
from tasks.run.actors import GeneratorActor
from tasks.run.cluster import Width
from tasks.run.job import Job
from tasks.run.loss import Cause, cause, never_started

log = logging.getLogger("lacuna.pool")

# Generators that die this often before they did anything stop the run.
IDLE_DEATHS = 10


@dataclass
class _Server:
    """One generator actor in its process."""

    index: int
    incarnation: int
    actor: Any
    node: str | None = None  # known once it serves


class Servers:
    """Generators by what they do. One whose node is lost is asked for again; who used it goes on with another."""

    def __init__(self, job: Job, width: Width, ledger: Any) -> None:
        self._job, self._width, self._ledger = job, width, ledger
        self._starting: dict[Any, _Server] = {}  # its first word -> which
        self._serving: dict[Any, _Server] = {}  # its end -> which
        self._doubtful: dict[Any, _Server] = {}  # answer to a question -> whose connection broke
        self._born: Counter[int] = Counter()
        self._idle_deaths = 0

    @property
    def references(self) -> list[Any]:
        """What is waited for."""
        return [*self._serving, *self._starting, *self._doubtful]

    def have(self, wanted: int) -> None:
        """Ask for generators until there are so many; those who wait for more GPUs than there are, are let go."""
        there = [*self._serving.values(), *self._doubtful.values(), *self._starting.values()]
        free = sorted(set(range(wanted)) - {server.index for server in there})
        for index in free[: max(0, wanted - len(there))]:
            self._bear(index)
        for _ in range(min(len(self._starting), len(there) - wanted)):
            ray.kill(self._starting.popitem()[1].actor)

    def settle(self, reference: Any) -> None:
        """A reference is there: a generator serves, or has died. Raises PoolFailure when they do not start."""
        starting, doubted = reference in self._starting, reference in self._doubtful
        server = next(
            kind.pop(reference) for kind in (self._starting, self._serving, self._doubtful) if reference in kind
        )
        try:
            node = ray.get(reference)
        except ray.exceptions.RayActorError as error:
            why = cause(error, server.node)
            if why is Cause.UNKNOWN and not starting and not doubted:
                self._doubtful[server.actor.ready.remote()] = server
                return
            self._lost(server, error, why, starting)
            return
        if starting:
            server.node = node
            ray.get(self._ledger.set_generator.remote(server.index, server.incarnation, server.actor))
            self._serving[server.actor.forever.remote()] = server
        else:  # in reach again; who used it has gone on without it
            self._withdraw(server, blameless=True)

    def dismiss(self) -> None:
        """Let all of them go."""
        for server in (*self._starting.values(), *self._serving.values(), *self._doubtful.values()):
            ray.kill(server.actor)

    def _lost(self, server: _Server, error: "ray.exceptions.RayActorError", why: Cause, starting: bool) -> None:
        log.warning("generator %d: %s; it is replaced", server.index, why.value)
        if never_started(error) and why is Cause.PROCESS:
            raise PoolFailure(f"generators do not start: {error}") from error
        idle = starting or not ray.get(self._ledger.has_generated.remote(server.index, server.incarnation))
        if idle and why is Cause.PROCESS:
            self._idle_deaths += 1
            if self._idle_deaths >= IDLE_DEATHS:
                raise PoolFailure(f"generators died {IDLE_DEATHS} times before they did anything: {error}") from error
        self._withdraw(server, blameless=why is not Cause.PROCESS)

    def _withdraw(self, server: _Server, blameless: bool) -> None:
        ray.get(self._ledger.withdraw_generator.remote(server.index, server.incarnation, blameless))
        ray.kill(server.actor)

    def _bear(self, index: int) -> None:
        # No CPU is set aside: restorers that hold all of a node's would keep a generator from coming back to its GPU.
        actor: Any = GeneratorActor.options(num_cpus=0, num_gpus=self._width.gpus).remote(
            self._job.items.model, self._width.threads, index, self._born[index], self._ledger
        )
        self._starting[actor.ready.remote()] = _Server(index, self._born[index], actor)
        self._born[index] += 1
