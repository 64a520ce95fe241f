"""Processes that end without a goodbye: a life counts its steps and ends at one of them, and nothing that it does after
counts.

A step is anything that another process could see: a request to storage, a word to the ledger. Of several lives on as
many threads one goes on at each step, chosen by the seed, so that two runs meet in the same way each time.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_own = threading.local()


class Ended(BaseException):
    """What a SIGKILL is to the code that it hits: no handler of ours catches it, and whatever cleans up raises it again."""

    def __init__(self, life: "Life") -> None:
        super().__init__(life.name)
        self.life = life


class Life:
    """One process. `ends_at`: the step (from 1 on) that it does not survive; None: it lives. `within`: only such steps count."""

    def __init__(self, name: str, ends_at: int | None = None, within: str = "") -> None:
        self.name, self.ends_at, self.within, self.steps = name, ends_at, within, 0

    @property
    def ended(self) -> bool:
        return self.ends_at is not None and self.steps >= self.ends_at

    def step(self, place: str) -> None:
        if not self.ended and self.within in place:
            self.steps += 1
        if self.ended:
            raise Ended(self)


class Turns:
    """Whose turn it is among threads: `pass_on` gives the turn to one of them, by the seed."""

    def __init__(self, seed: int, names: list[str]) -> None:
        self._rng, self._names, self._turn = random.Random(seed), list(names), names[0]
        self._changed = threading.Condition()

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """This thread is `name` while the body runs, and runs only in its turn."""
        _own.turns = (self, name)
        with self._changed:
            self._changed.wait_for(lambda: self._turn == name)
        try:
            yield
        finally:
            _own.turns = None
            with self._changed:
                self._names.remove(name)
                self._give()

    def pass_on(self, name: str) -> None:
        with self._changed:
            self._give()
            self._changed.wait_for(lambda: self._turn == name)

    def _give(self) -> None:
        if self._names:
            self._turn = self._rng.choice(self._names)
            self._changed.notify_all()


def _lives() -> list[Life]:
    if not hasattr(_own, "lives"):
        _own.lives = []
    found: list[Life] = _own.lives
    return found


@contextmanager
def living(life: Life) -> Iterator[Life]:
    """The body is a part of this life (and of those around it) on this thread."""
    lives = _lives()
    lives.append(life)
    try:
        yield life
    finally:
        lives.pop()


def step(place: str = "", held: bool = False) -> None:
    """One step of whoever lives on this thread; `held`: in the middle of something that another would wait for."""
    for life in _lives():
        life.step(place)
    turns = getattr(_own, "turns", None)
    if turns and not held:
        turns[0].pass_on(turns[1])


def ends_next(place: str = "") -> bool:
    """Whether a step here is somebody's last."""
    return any(
        life.ends_at is not None and life.within in place and life.steps + 1 >= life.ends_at for life in _lives()
    )
