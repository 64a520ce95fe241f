"""Who works on what: each worker says so before it begins, so that a death or a hang is attributed without guessing.

The ledger lives in a process of its own (an actor beside the driver). It knows only the shards in hand; a committed shard is
forgotten, so its memory does not grow with the run.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.run.job import Outcome

# A process that says nothing for this long beyond the item limit is stuck as a whole.
SILENCE_S = 30.0


@dataclass
class _Worker:
    active: set[str] = field(default_factory=set)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)
    beaten_at: float = 0.0
    generator: int | None = None  # the index of the one that it uses


@dataclass(frozen=True)
class Left:
    """What a dead worker left: what it had finished, and what it was working on."""

    outcomes: tuple[Outcome, ...]
    active: frozenset[str]


@dataclass(frozen=True)
class Snapshot:
    """Totals of the run so far, and which workers are overdue."""

    done: int
    failed: int
    megapixels: float
    overdue: dict[str, frozenset[str]]  # worker -> items over the limit; empty set: the worker itself is silent


class Ledger:
    """Plain bookkeeping; `tasks.run.actors` makes it an actor."""

    def __init__(self, item_timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout = item_timeout_s
        self._clock = clock
        self._workers: dict[str, _Worker] = {}
        self._generators: dict[int, tuple[int, Any]] = {}
        self._generating: dict[tuple[int, int], frozenset[str]] = {}
        self._done = self._failed = 0
        self._megapixels = 0.0

    def open(self, worker: str) -> None:
        """A worker starts on a shard."""
        self._workers[worker] = _Worker(beaten_at=self._clock())

    def begin(self, worker: str, item_id: str, finished: Sequence[tuple[str, Outcome]] = ()) -> None:
        """The worker is about to touch this item; before, it has `finished` others."""
        self._workers[worker].active.add(item_id)
        self.finished(worker, finished)

    def finished(self, worker: str, finished: Sequence[tuple[str, Outcome]]) -> None:
        """See `done`."""
        for item_id, outcome in finished:
            self.done(worker, item_id, outcome)

    def done(self, worker: str, item_id: str, outcome: Outcome) -> None:
        """The worker has finished this item; its outputs are stored."""
        state = self._workers.get(worker)
        if state is None:
            return
        state.active.discard(item_id)
        state.outcomes[item_id] = outcome
        self._done += 1
        self._failed += outcome.row["status"] == "failed"
        self._megapixels += outcome.megapixels

    def beat(self, worker: str, busy: dict[str, float]) -> None:
        """Sign of life, about once a second: seconds that each item has been worked on in its current step."""
        state = self._workers.get(worker)
        if state is not None:
            state.busy, state.beaten_at = busy, self._clock()

    def snapshot(self) -> Snapshot:
        """Totals, and the workers to be stopped: an item over the limit, or no sign of life for as long."""
        now, overdue = self._clock(), {}
        for name, state in self._workers.items():
            late = frozenset(item for item, seconds in state.busy.items() if seconds > self._timeout)
            if late or now - state.beaten_at > self._timeout + SILENCE_S:
                overdue[name] = late
        return Snapshot(self._done, self._failed, self._megapixels, overdue)

    def close(self, worker: str) -> Left:
        """Forget a worker; what it left matters when it died."""
        state = self._workers.pop(worker, _Worker())
        return Left(tuple(state.outcomes.values()), frozenset(state.active))

    def set_generator(self, index: int, incarnation: int, handle: Any) -> None:
        """Generator `index` is served by this handle now."""
        self._generators[index] = (incarnation, handle)

    def withdraw_generator(self, index: int, incarnation: int, blameless: bool) -> None:
        """This incarnation is dead. blameless: not by what it had in hand, which is forgotten."""
        if self._generators.get(index, (None, None))[0] == incarnation:
            del self._generators[index]
        if blameless:
            self._generating[index, incarnation] = frozenset()

    def generator(self, worker: str) -> tuple[int, int, Any] | None:
        """(index, incarnation, handle) of the generator that a worker is to use; None: none is in service.

        A worker keeps its own for a shard while it is in service, else it gets the one that the fewest use.
        """
        state = self._workers.get(worker, _Worker())
        if state.generator not in self._generators:
            used = Counter(other.generator for other in self._workers.values())
            state.generator = min(self._generators, key=lambda index: (used[index], index), default=None)
        if state.generator is None:
            return None
        return (state.generator, *self._generators[state.generator])

    def generating(self, index: int, incarnation: int, item_ids: Iterable[str]) -> None:
        """The generator is about to run a batch with crops of these items; none: it is idle again."""
        self._generating[index, incarnation] = frozenset(item_ids)

    def was_generating(self, index: int, incarnation: int) -> frozenset[str]:
        """The items in the batch that this incarnation had in hand last."""
        return self._generating.get((index, incarnation), frozenset())

    def has_generated(self, index: int, incarnation: int) -> bool:
        """Whether this incarnation ever began a batch."""
        return (index, incarnation) in self._generating
