"""Batches drawn ahead in threads, so that an accelerator does not wait for photos. What is drawn does not depend on them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from models.training.data import Floats

Drawn = tuple[Floats, Floats, np.random.Generator]


class Loader:
    """`loader(step)` gives what `draw(rng(step))` gives, and the generator as it stands after it.

    threads: how many draw ahead, two steps each; 0 draws when asked.
    """

    def __init__(
        self,
        draw: Callable[[np.random.Generator], tuple[Floats, Floats]],
        rng: Callable[[int], np.random.Generator],
        threads: int,
    ) -> None:
        self._draw, self._rng, self._threads = draw, rng, threads
        self._pool = ThreadPoolExecutor(threads, "batches") if threads else None
        self._ahead: dict[int, Future[Drawn]] = {}

    def __call__(self, step: int) -> Drawn:
        """The batch of a step; raises what drawing it raised."""
        if self._pool is None:
            return self._drawn(step)
        wanted = range(step, step + 2 * self._threads + 1)
        for late in self._ahead.keys() - set(wanted):
            self._ahead.pop(late).cancel()
        for soon in wanted:
            if soon not in self._ahead:
                self._ahead[soon] = self._pool.submit(self._drawn, soon)
        return self._ahead.pop(step).result()

    def close(self) -> None:
        """End the threads; what they drew ahead is lost."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._ahead.clear()

    def _drawn(self, step: int) -> Drawn:
        rng = self._rng(step)
        return *self._draw(rng), rng
