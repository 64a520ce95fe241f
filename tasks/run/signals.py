"""Signals taken at a moment of our choosing.

An exception that a signal handler raises inside Ray's compiled code comes out as a SystemError, or not at all.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WATCHED = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred_signals() -> Iterator[Callable[[], None]]:
    """While the body runs, Ctrl-C and SIGTERM wait; the yielded function lets the handlers that were in force have them.

    Outside the main thread nothing is deferred: Python delivers signals to the main thread only.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    waiting: list[int] = []
    before = {number: signal.signal(number, lambda got, _frame: waiting.append(got)) for number in WATCHED}

    def deliver() -> None:
        while waiting:
            number = waiting.pop(0)
            own = signal.signal(number, before[signal.Signals(number)])
            try:
                signal.raise_signal(number)
            finally:
                signal.signal(number, own)

    try:
        yield deliver
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in waiting:  # came after the last delivery
            signal.raise_signal(late)
