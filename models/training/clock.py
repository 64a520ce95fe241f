"""How long a run has trained, and how long it will take: over all its parts, without its pauses."""

from __future__ import annotations

import time

PAUSE_S = 60.0


class Clock:
    """Seconds of training, summed from tick to tick.

    Between two ticks more than a minute is a pause (`kill -STOP`, a laptop's lid) and counts as one minute.
    """

    def __init__(self, spent_s: float = 0.0) -> None:
        self.spent_s = spent_s
        self._last = time.monotonic()

    def tick(self) -> float:
        """Once a step; returns the seconds so far."""
        now = time.monotonic()
        self.spent_s += min(now - self._last, PAUSE_S)
        self._last = now
        return self.spent_s

    def remaining(self, done: float) -> str:
        """`35 % done, 12 min left`, for a share `done` in [0, 1], as fast as until now."""
        if not 0 < done < 1:
            return f"{min(done, 1):.0%} done"
        left = self.spent_s * (1 - done) / done
        shown = f"{left / 3600:.1f} h" if left >= 5400 else f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
        return f"{done:.0%} done, {shown} left"
