"""What a process is working on, and for how long; and how many megapixels it holds."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watch:
    """The items that this process is working on. Only work counts: an item that waits for its turn is not busy."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}

    @contextmanager
    def working(self, item_id: str) -> Iterator[None]:
        """While the body runs, `item_id` is busy."""
        with self._lock:
            self._since[item_id] = self._clock()
        try:
            yield
        finally:
            with self._lock:
                del self._since[item_id]

    def busy(self) -> dict[str, float]:
        """item_id -> seconds in its current step."""
        with self._lock:
            now = self._clock()
            return {item: now - since for item, since in self._since.items()}


class MegapixelBudget:
    """Bounds the megapixels that are decoded at once. What alone exceeds the budget is held alone."""

    def __init__(self, limit_mp: float) -> None:
        self._limit = limit_mp
        self._held = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, megapixels: float) -> Iterator[None]:
        """Wait until there is room, then hold `megapixels` while the body runs."""
        with self._changed:
            self._changed.wait_for(lambda: self._held == 0 or self._held + megapixels <= self._limit)
            self._held += megapixels
        try:
            yield
        finally:
            with self._changed:
                self._held -= megapixels
                # Differences of floats must not keep an idle budget from being empty.
                self._held = 0.0 if self._held < 1e-9 else self._held
                self._changed.notify_all()
