"""The restorers of a run: asked for, there, at work, out of reach. Who is only asked for is given no work."""

from dataclasses import dataclass
from typing import Any

import ray

from tasks.run.actors import RestorerActor
from tasks.run.cluster import Width
from tasks.run.job import Job, ShardWork


@dataclass
class Hand:
    """One restorer, and what it has in hand."""

    name: str
    actor: Any
    node: str | None = None  # known once it is there
    work: ShardWork | None = None


class Crew:
    """Restorers by what they do. Asking for one that there is no room for is what makes an autoscaler add a node."""

    def __init__(self, job: Job, width: Width, ledger: Any) -> None:
        self._job, self._width, self._ledger = job, width, ledger
        self._born = 0
        self.starting: dict[Any, Hand] = {}  # its first word -> who
        self.idle: list[Hand] = []
        self.busy: dict[Any, Hand] = {}  # result in the making -> who makes it
        self.doubtful: dict[Any, Hand] = {}  # answer to a question -> whose connection broke with work in hand

    @property
    def references(self) -> list[Any]:
        """What is waited for."""
        return [*self.busy, *self.starting, *self.doubtful]

    def size(self) -> int:
        """Those who work, could, or will."""
        return len(self.starting) + len(self.idle) + len(self.busy)

    def have(self, wanted: int) -> None:
        """Ask for restorers, or let go those without work, until there are so many."""
        while self.size() < wanted:
            self._bear()
        while self.size() > wanted and (self.starting or self.idle):
            hand = self.starting.popitem()[1] if self.starting else self.idle.pop()
            ray.kill(hand.actor)

    def hand_out(self, work: ShardWork) -> None:
        """Give work to one who is idle."""
        hand = self.idle.pop()
        hand.work = work
        self.busy[hand.actor.restore.remote(work)] = hand

    def doubt(self, hand: Hand) -> None:
        """Its connection broke: whether it is dead, and why, comes out with the answer to a question."""
        self.doubtful[hand.actor.ready.remote()] = hand

    def dismiss(self) -> None:
        """Let all of them go, whatever they do."""
        for hand in (*self.starting.values(), *self.idle, *self.busy.values(), *self.doubtful.values()):
            ray.kill(hand.actor)

    def _bear(self) -> None:
        self._born += 1
        name = f"restorer-{self._born}"
        # Ray places what asks for no GPU on a node without one as long as it can.
        actor: Any = RestorerActor.options(num_cpus=self._width.cpus, num_gpus=0).remote(
            name, self._job, self._ledger, self._width.threads, self._width.generators > 0
        )
        self.starting[actor.ready.remote()] = Hand(name, actor)
