"""Live progress on stderr: a bar on a terminal, a plain line every few seconds elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_EVERY_S = 10.0


class RunProgress:
    """done/failed, megapixels a second, time left. `update` may be called as often as one likes."""

    def __init__(self, total: int, console: Console | None = None, doing: str = "filling", bad: str = "failed") -> None:
        self._total, self._bad = total, bad
        self._console = console or Console(stderr=True)
        self._started = self._told = time.monotonic()
        self._bar: Progress | None = None
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn(f"[bold]{doing}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn(f"{{task.fields[failed]}} {bad} · {{task.fields[rate]:.2f}} MP/s"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task(doing, total=total, failed=0, rate=0.0)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int, failed: int, megapixels: float) -> None:
        """Totals so far."""
        now = time.monotonic()
        spent = max(now - self._started, 1e-9)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, failed=failed, rate=megapixels / spent)
        elif now - self._told >= PLAIN_EVERY_S:
            self._told = now
            left = f", about {spent / done * (self._total - done):.0f} s left" if done else ""
            line = f"{done}/{self._total} done, {failed} {self._bad}, {megapixels / spent:.2f} MP/s{left}"
            print(line, file=sys.stderr, flush=True)
