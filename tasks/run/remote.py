"""The generator of another process, as a restorer sees it: the ledger says which one, and it may die and be replaced."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray

from tasks.errors import StorageUnavailable, WorkerDied
from tasks.run.generating import Crops, Fills, Masks

# How long a worker waits for the pool's word on a generator that is dead, by what the worker sees of it.
SUCCESSOR_S = 300.0
POLL_S = 0.5
FULL = (ray.exceptions.ObjectStoreFullError, ray.exceptions.OutOfDiskError)


@dataclass(frozen=True)
class _Serving:
    """The generator that a worker uses: one value, since many threads read it."""

    index: int
    incarnation: int
    actor: Any


class RemoteGenerator:
    """A worker's view of the generator that it uses: survives its death, and finds out whose crops killed it.

    The ledger says which one. It is another after a death, and may be another for each shard.
    """

    def __init__(self, worker: str, ledger: Any, max_attempts: int) -> None:
        self._worker, self._ledger, self._max_attempts = worker, ledger, max_attempts
        self._waited_s: dict[str, float] = {}
        self._serving = self._successor(None)
        while True:
            serving = self._serving
            try:
                self.info, self.threads = ray.get(serving.actor.about.remote())
                return
            except ray.exceptions.RayActorError:
                self._serving = self._successor(serving)

    def waited_s(self, item_id: str) -> float:
        """Seconds that an item has waited for a generator while none was in service."""
        return self._waited_s.get(item_id, 0.0)

    def renew(self) -> None:
        """Use the generator that the ledger thinks best now, if it is not the one that is used already."""
        found = ray.get(self._ledger.generator.remote(self._worker))
        if found is not None:
            self._serving = _Serving(*found)

    def for_item(self, item_id: str) -> "ItemGenerator":
        """The same generator, speaking for one item."""
        return ItemGenerator(self, item_id)

    def fill_for(self, item_id: str, crops: Crops, masks: Masks) -> Fills:
        """Fill; WorkerDied when the generator died `max_attempts` times over this item, the last time over nothing else."""
        return self._ask(item_id, lambda actor, alone: actor.fill.remote(item_id, alone, list(crops), list(masks)))

    def refine_for(self, item_id: str, crops: Crops, masks: Masks, guides: Crops, steps: int) -> Fills:
        """Refine, as `fill_for` fills."""
        parts = list(crops), list(masks), list(guides)
        return self._ask(item_id, lambda actor, alone: actor.refine.remote(item_id, alone, *parts, steps))

    def _ask(self, item_id: str, request: Callable[[Any, bool], Any]) -> Fills:
        """request(actor, alone) asks and gives Ray's reference to the answer."""
        deaths = 0
        while True:
            serving = self._serving
            try:
                return list(ray.get(request(serving.actor, deaths > 0)))
            except FULL as error:  # the node's state, not the item's fault: the next run tries again
                raise StorageUnavailable(
                    "no room for crops in Ray's object store, nor on the disk it spills to"
                ) from error
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayActorError as error:
                successor = self._successor(serving, item_id, isinstance(error, ray.exceptions.ActorUnavailableError))
                if successor == serving:
                    continue
                # A generator is replaced when it is known what its death was due to.
                batch = ray.get(self._ledger.was_generating.remote(serving.index, serving.incarnation))
                deaths += item_id in batch
                if deaths >= self._max_attempts and batch == {item_id}:
                    raise WorkerDied(f"the generator died {deaths} times over this item") from error
                self._serving = successor

    def _successor(self, dead: _Serving | None, item_id: str = "", perhaps: bool = False) -> _Serving:
        """The generator to be used after that one. Where all are lost with their nodes it is waited for without an end.

        perhaps: it may be alive, only out of reach; it is the answer itself unless it has been replaced.
        """
        last, unsaid = time.monotonic(), 0.0
        while unsaid < SUCCESSOR_S:
            found = ray.get(self._ledger.generator.remote(self._worker))
            if found is not None and (dead is None or found[:2] != (dead.index, dead.incarnation)):
                return _Serving(*found)
            time.sleep(POLL_S)
            if found is not None and dead is not None and perhaps:
                return dead
            since, last = time.monotonic() - last, time.monotonic()
            self._waited_s[item_id] = self._waited_s.get(item_id, 0.0) + since
            unsaid = 0.0 if found is None else unsaid + since
        raise WorkerDied(f"generator {found[0]} died and was not replaced within {SUCCESSOR_S:.0f} s")


class ItemGenerator:
    """A `tasks.fill.passes.Generator` that names its item to a shared generator."""

    def __init__(self, remote: RemoteGenerator, item_id: str) -> None:
        self._remote, self._item_id = remote, item_id

    def fill(self, crops: Crops, masks: Masks) -> Fills:
        """See `tasks.fill.passes.Generator`."""
        return self._remote.fill_for(self._item_id, crops, masks)

    def refine(self, crops: Crops, masks: Masks, guides: Crops, steps: int) -> Fills:
        """See `tasks.fill.passes.Refining`."""
        return self._remote.refine_for(self._item_id, crops, masks, guides, steps)
