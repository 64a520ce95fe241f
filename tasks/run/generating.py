"""Generators as restorers see them: in their own process, or behind an actor that batches across restorers."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from numpy.typing import NDArray

from models.settings import ModelSettings
from tasks.errors import WorkerDied

if TYPE_CHECKING:
    from models.engine import EngineInfo

Crops = Sequence[NDArray[np.float32]]
Masks = Sequence[NDArray[np.bool_]]
Fills = list[NDArray[np.float32]]

# How long a restorer waits for a dead generator's successor: weights may have to be read from a slow disk.
SUCCESSOR_S = 300.0


class LocalGenerator:
    """The generator in the restorer's own process. `device`: `auto`, `cpu`, `cuda`."""

    def __init__(self, settings: ModelSettings, threads: int, device: str = "auto") -> None:
        from models.refiner import RefiningEngine  # torch: not for the driver, which only names the actors

        self.threads = threads
        self._engine = RefiningEngine(
            settings.name, device=device, precision=settings.precision, batch_mp=settings.batch_mp, threads=threads
        )
        self.info: EngineInfo = self._engine.info

    def fill(self, crops: Crops, masks: Masks) -> Fills:
        """See `tasks.fill.passes.Generator`."""
        return self._engine.fill(crops, masks)

    def refine(self, crops: Crops, masks: Masks, guides: Crops, steps: int) -> Fills:
        """See `tasks.fill.passes.Refining`."""
        return self._engine.refine(crops, masks, guides, steps)

    def for_item(self, item_id: str) -> "LocalGenerator":  # noqa: ARG002 - it works on one item at a time anyway
        """The same generator."""
        return self


@dataclass(eq=False)
class _Request:
    """One item's crops, waiting for their batch. guides: to be refined, in so many steps."""

    item_id: str
    alone: bool
    crops: Crops
    masks: Masks
    future: asyncio.Future[Fills]
    guides: Crops | None = None
    steps: int = 0

    @property
    def kind(self) -> tuple[bool, int]:
        """What can be one call of the engine has one kind."""
        return self.guides is not None, self.steps


class SharedGenerator:
    """The generator of an actor: requests that arrive while a batch runs form the next one. For an asyncio actor."""

    def __init__(self, settings: ModelSettings, threads: int, index: int, incarnation: int, ledger: Any) -> None:
        self._generator = LocalGenerator(settings, threads)
        self._index, self._incarnation, self._ledger = index, incarnation, ledger
        self._thread = ThreadPoolExecutor(1)  # torch keeps a team of threads for each calling thread
        self._waiting: list[_Request] = []
        self._runner: asyncio.Task[None] | None = None

    async def about(self) -> "tuple[EngineInfo, int]":
        """Facts for the rows: the engine's, and its threads."""
        return self._generator.info, self._generator.threads

    async def forever(self) -> None:
        """Never returns: its end is the end of this process."""
        await asyncio.Event().wait()

    async def fill(self, item_id: str, alone: bool, crops: Crops, masks: Masks) -> Fills:
        """Fill one item's crops; `alone`: in no batch with others, because it is suspected of killing generators."""
        future: asyncio.Future[Fills] = asyncio.get_running_loop().create_future()
        return await self._made(_Request(item_id, alone, crops, masks, future))

    async def refine(self, item_id: str, alone: bool, crops: Crops, masks: Masks, guides: Crops, steps: int) -> Fills:
        """As `fill`, but refined: see `tasks.fill.passes.Refining`."""
        future: asyncio.Future[Fills] = asyncio.get_running_loop().create_future()
        return await self._made(_Request(item_id, alone, crops, masks, future, guides, steps))

    async def _made(self, request: _Request) -> Fills:
        self._waiting.append(request)
        # A task of its own: no request waits for those that came after it.
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await request.future

    async def _run(self) -> None:
        while self._waiting:
            together = [request for request in self._waiting if not request.alone]
            batch = together or self._waiting[:1]
            self._waiting = [request for request in self._waiting if request.alone] if together else self._waiting[1:]
            results: list[Fills | Exception]
            try:
                await self._ledger.generating.remote(self._index, self._incarnation, [r.item_id for r in batch])
                results = await asyncio.get_running_loop().run_in_executor(self._thread, self._fill_all, batch)
                self._ledger.generating.remote(self._index, self._incarnation, [])
            except Exception as error:  # the ledger is gone; who waits must hear of it
                results = [error] * len(batch)
            for request, result in zip(batch, results, strict=True):
                if isinstance(result, Exception):
                    request.future.set_exception(result)
                else:
                    request.future.set_result(result)

    def _fill_all(self, batch: "list[_Request]") -> list[Fills | Exception]:
        """All requests in one call of the engine; if that fails, one by one, so that each gets its own answer."""
        kinds = list(dict.fromkeys(request.kind for request in batch))
        if len(kinds) > 1:
            made: dict[int, Fills | Exception] = {}
            for kind in kinds:
                some = [request for request in batch if request.kind == kind]
                made |= {id(request): result for request, result in zip(some, self._fill_all(some), strict=True)}
            return [made[id(request)] for request in batch]
        crops, masks = [c for r in batch for c in r.crops], [m for r in batch for m in r.masks]
        try:
            if kinds[0][0]:
                guides = [g for r in batch for g in r.guides or ()]
                fills = self._generator.refine(crops, masks, guides, batch[0].steps)
            else:
                fills = self._generator.fill(crops, masks)
        except Exception as error:
            if len(batch) == 1:
                return [error]
            return [result for request in batch for result in self._fill_all([request])]
        parts: list[Fills | Exception] = []
        at = 0
        for request in batch:
            parts.append(fills[at : at + len(request.crops)])
            at += len(request.crops)
        return parts


class RemoteGenerator:
    """A restorer's view of generator `index`: survives its death, and finds out whose crops killed it."""

    def __init__(self, index: int, ledger: Any, max_attempts: int) -> None:
        self._index, self._ledger, self._max_attempts = index, ledger, max_attempts
        self._serving: tuple[int, Any] = ray.get(ledger.generator.remote(index))  # one value: many threads read it
        for attempt in range(max_attempts):
            incarnation, handle = self._serving
            try:
                self.info, self.threads = ray.get(handle.about.remote())
                return
            except ray.exceptions.RayActorError:
                if attempt == max_attempts - 1:
                    raise
                self._await_successor(incarnation)

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
            incarnation, handle = self._serving
            try:
                return list(ray.get(request(handle, deaths > 0)))
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayActorError as error:
                batch = ray.get(self._ledger.was_generating.remote(self._index, incarnation))
                deaths += item_id in batch
                if deaths >= self._max_attempts and batch == {item_id}:
                    raise WorkerDied(f"the generator died {deaths} times over this item") from error
                self._await_successor(incarnation)

    def _await_successor(self, dead: int) -> None:
        until = time.monotonic() + SUCCESSOR_S
        while time.monotonic() < until:
            serving = ray.get(self._ledger.generator.remote(self._index))
            if serving[0] != dead:
                self._serving = serving
                return
            time.sleep(0.5)
        raise WorkerDied(f"generator {self._index} died and was not replaced within {SUCCESSOR_S:.0f} s")


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
