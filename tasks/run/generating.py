"""Generators: one in the process that uses it, and one in an actor of its own, which batches across restorers."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from numpy.typing import NDArray

from models.settings import ModelSettings
from tasks.run import metrics

if TYPE_CHECKING:
    from models.engine import EngineInfo

Crops = Sequence[NDArray[np.float32]]
Masks = Sequence[NDArray[np.bool_]]
Fills = list[NDArray[np.float32]]


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
        with self._busy():
            return self._engine.fill(crops, masks)

    def refine(self, crops: Crops, masks: Masks, guides: Crops, steps: int) -> Fills:
        """See `tasks.fill.passes.Refining`."""
        with self._busy():
            return self._engine.refine(crops, masks, guides, steps)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            metrics.count("lacuna_generator_busy_seconds", time.perf_counter() - started, device=self.info.device)

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

    async def ready(self) -> str:
        """The id of the node that it is on; returns when weights are loaded."""
        return str(ray.get_runtime_context().get_node_id())

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
