import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import ray
from numpy.typing import NDArray

from models.engine import DeviceOutOfMemory, EngineInfo
from models.settings import ModelSettings
from tasks.run import generating as module
from tasks.run.generating import LocalGenerator, SharedGenerator

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

INFO = EngineInfo("fake", "f" * 64, "cpu", "fp32")
BROKEN, POISON = 0.25, 0.5  # a crop of this value fails, or kills


def crop(value: float) -> tuple[list[NDArray[np.float32]], list[NDArray[np.bool_]]]:
    """One crop and its mask."""
    return [np.full((8, 8, 3), value, np.float32)], [np.ones((8, 8), bool)]


class FakeLocal:
    """In the place of `LocalGenerator`: answers one minus the crop, and remembers its batches."""

    info, threads = INFO, 1

    def __init__(self, settings: ModelSettings, threads: int) -> None:
        self.batches: list[list[float]] = []

    def fill(
        self, crops: Sequence[NDArray[np.float32]], masks: Sequence[NDArray[np.bool_]]
    ) -> list[NDArray[np.float32]]:
        values = [float(c[0, 0, 0]) for c in crops]
        self.batches.append(values)
        time.sleep(0.02)
        if BROKEN in values:
            raise DeviceOutOfMemory("8x8 does not fit")
        return [1 - c for c in crops]

    def refine(
        self,
        crops: Sequence[NDArray[np.float32]],
        masks: Sequence[NDArray[np.bool_]],
        guides: Sequence[NDArray[np.float32]],
        steps: int,
    ) -> list[NDArray[np.float32]]:
        assert len(crops) == len(masks) == len(guides)
        return [steps + np.resize(g, c.shape) for c, g in zip(self.fill(crops, masks), guides, strict=True)]


class Words:
    """A ledger beside an asyncio actor: remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.generating = self

    async def _nothing(self) -> None:
        pass

    def remote(self, index: int, incarnation: int, item_ids: list[str]) -> Any:
        if not item_ids:
            return None
        self.told.append(item_ids)
        return self._nothing()


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> tuple[SharedGenerator, FakeLocal, Words]:
    monkeypatch.setattr(module, "LocalGenerator", FakeLocal)
    words = Words()
    made = SharedGenerator(ModelSettings(), 1, 0, 0, words)
    assert isinstance(made._generator, FakeLocal)
    return made, made._generator, words


Shared = tuple[SharedGenerator, FakeLocal, Words]


def test_a_real_engine_behind_the_door() -> None:
    generator = LocalGenerator(ModelSettings(precision="fp32"), threads=1, device="cpu")
    assert (generator.info.name, generator.info.device, generator.threads) == ("lama-small", "cpu", 1)
    (fill,) = generator.for_item("a").fill(*crop(0.3))
    assert fill.shape == (8, 8, 3)
    (refined,) = generator.for_item("a").refine(*crop(0.3), [np.full((4, 4, 3), 0.3, np.float32)], 1)
    assert refined.shape == (8, 8, 3)


def test_requests_that_arrive_while_a_batch_runs_form_the_next_one(shared: Shared) -> None:
    generator, local, words = shared

    async def requests() -> list[Any]:
        first = asyncio.create_task(generator.fill("first", False, *crop(0.0)))
        await asyncio.sleep(0.005)
        return await asyncio.gather(first, *[generator.fill(f"{n}", False, *crop(n / 16)) for n in range(1, 4)])

    answers = asyncio.run(requests())
    assert local.batches == [[0.0], [1 / 16, 2 / 16, 3 / 16]]
    assert words.told == [["first"], ["1", "2", "3"]]
    assert [float(fills[0][0, 0, 0]) for fills in answers] == [1.0, 1 - 1 / 16, 1 - 2 / 16, 1 - 3 / 16]


def test_a_request_with_many_crops_gets_its_own_back(shared: Shared) -> None:
    generator, _, _ = shared

    async def requests() -> list[Any]:
        sizes = (3, 0, 2)
        crops = [[crop((10 * n + k) / 64)[0][0] for k in range(size)] for n, size in enumerate(sizes)]
        return await asyncio.gather(
            *[generator.fill(f"{n}", False, c, [np.ones((8, 8), bool)] * len(c)) for n, c in enumerate(crops)]
        )

    answers = asyncio.run(requests())
    assert [[round(64 * (1 - float(f[0, 0, 0]))) for f in fills] for fills in answers] == [[0, 1, 2], [], [20, 21]]


def test_who_refines_and_who_fills_share_a_batch_but_no_call(shared: Shared) -> None:
    generator, local, words = shared

    async def requests() -> list[Any]:
        guide = [np.full((4, 4, 3), 0.5, np.float32)]
        return await asyncio.gather(
            generator.fill("a", False, *crop(0.0)),
            generator.refine("b", False, *crop(1 / 16), guide, 2),
            generator.refine("c", False, *crop(2 / 16), guide, 7),
            generator.fill("d", False, *crop(1.0)),
            generator.refine("e", False, *crop(BROKEN), guide, 2),
            return_exceptions=True,
        )

    *answers, failed = asyncio.run(requests())
    assert [float(fills[0][0, 0, 0]) for fills in answers] == [1.0, 2.5, 7.5, 0.0]
    assert isinstance(failed, DeviceOutOfMemory)
    assert words.told == [["a", "b", "c", "d", "e"]]
    assert local.batches == [[0.0, 1.0], [1 / 16, BROKEN], [1 / 16], [BROKEN], [2 / 16]]


def test_one_request_that_fails_does_not_fail_the_others(shared: Shared) -> None:
    generator, _, _ = shared

    async def requests() -> list[Any]:
        return await asyncio.gather(
            generator.fill("a", False, *crop(0.0)),
            generator.fill("b", False, *crop(BROKEN)),
            generator.fill("c", False, *crop(1.0)),
            return_exceptions=True,
        )

    a, b, c = asyncio.run(requests())
    assert isinstance(b, DeviceOutOfMemory)
    assert (float(a[0][0, 0, 0]), float(c[0][0, 0, 0])) == (1.0, 0.0)
    # and the generator goes on
    assert float(asyncio.run(generator.fill("d", False, *crop(0.0)))[0][0, 0, 0]) == 1.0


def test_suspects_are_in_no_batch_with_others(shared: Shared) -> None:
    generator, local, words = shared

    async def requests() -> None:
        flags = {"s1": True, "a": False, "s2": True, "b": False}
        await asyncio.gather(*[generator.fill(item, alone, *crop(0.0)) for item, alone in flags.items()])

    asyncio.run(requests())
    assert words.told == [["a", "b"], ["s1"], ["s2"]]
    assert [len(batch) for batch in local.batches] == [2, 1, 1]


def test_one_item_may_ask_twice_at_once(shared: Shared) -> None:
    """A restorer that was stopped has left a request behind when its successor asks for the same item."""
    generator, _, _ = shared

    async def requests() -> list[Any]:
        return await asyncio.gather(
            generator.fill("a", False, *crop(0.0)),
            generator.fill("a", False, *crop(1.0)),
            generator.fill("a", True, *crop(0.0)),
            generator.fill("a", True, *crop(1.0)),
        )

    answers = asyncio.run(asyncio.wait_for(requests(), 10))
    assert [float(fills[0][0, 0, 0]) for fills in answers] == [1.0, 0.0, 1.0, 0.0]


def test_no_request_waits_for_those_that_come_after_it(shared: Shared) -> None:
    generator, _, _ = shared

    async def requests() -> int:
        others: list[asyncio.Task[Any]] = []

        async def load() -> None:
            while True:
                others.append(asyncio.create_task(generator.fill("other", False, *crop(0.0))))
                await asyncio.sleep(0.004)

        first = asyncio.create_task(generator.fill("first", False, *crop(0.0)))
        loading = asyncio.create_task(load())
        await asyncio.wait_for(first, 5)
        loading.cancel()
        await asyncio.gather(*others)
        return len(others)

    assert asyncio.run(requests()) < 50


def test_a_ledger_that_is_gone_leaves_nobody_waiting(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    generator, _, words = shared

    def gone(*_: object) -> None:
        raise ConnectionError("the ledger is gone")

    monkeypatch.setattr(words, "remote", gone)
    with pytest.raises(ConnectionError):
        asyncio.run(asyncio.wait_for(generator.fill("a", False, *crop(0.0)), 5))
