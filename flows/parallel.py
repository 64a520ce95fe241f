"""Work on threads: for what reads and decodes, which lets other threads run meanwhile."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def in_order(work: Callable[[A], B], items: Iterable[A], threads: int) -> Iterator[B]:
    """Results in the order of `items`; at most twice as many items as threads are taken before their results are.

    What `work` raises is raised here, when its turn comes; what has begun by then is waited for.
    """
    waiting = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        ahead: list[Future[B]] = [pool.submit(work, item) for item in islice(waiting, 2 * threads)]
        while ahead:
            yield ahead.pop(0).result()
            ahead += [pool.submit(work, item) for item in islice(waiting, 1)]
