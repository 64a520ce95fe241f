"""How many actors a run asks for: with the queue, and with a cluster whose nodes come and go."""

import math
import time
from collections.abc import Callable

from tasks.run.cluster import Width, width_now
from tasks.run.settings import RuntimeSettings

# How often the cluster is asked what it has.
LOOK_S = 3.0
# A node that an autoscaler has yet to start should find more than one shard for each of its restorers.
SHARDS_EACH = 2


class Scaling:
    """The width of a run as it goes on. wide: at its beginning; without `shards` it is the width to the end."""

    def __init__(self, wide: Width, runtime: RuntimeSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._began = self._now = wide
        self._runtime, self._clock = runtime, clock
        self._looked_at = clock()

    def restorers(self, done: int) -> int:
        """How many to have when so many shards are committed."""
        if self._began.shards is None:
            return self._began.restorers
        left = max(1, self._began.shards - done)
        if self._runtime.actors != "auto":
            return min(self._runtime.actors, left)
        asked = self._look().restorers
        if self._runtime.max_actors != "auto":
            asked = max(asked, min(self._runtime.max_actors, math.ceil(left / SHARDS_EACH)))
        return min(max(asked, self._runtime.min_actors), left)

    def generators(self, restorers: int) -> int:
        """How many to have for so many restorers; none is missing while there is one to serve."""
        if self._began.shards is None or not self._began.generators:
            return self._began.generators
        return max(1, min(self._look().generators, restorers))

    def _look(self) -> Width:
        if self._clock() - self._looked_at >= LOOK_S:
            self._looked_at = self._clock()
            self._now = width_now(self._runtime, self._began)
        return self._now
