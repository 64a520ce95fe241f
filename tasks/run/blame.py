"""What becomes of a shard whose worker died: what is finished stays so, a suspect goes alone, and at last it is given up."""

from collections import Counter
from collections.abc import Set
from dataclasses import replace

from tasks.errors import PoolFailure, Timeout, WorkerDied
from tasks.run.job import ItemSpec, ShardWork
from tasks.run.ledger import Left
from tasks.run.settings import LimitSettings

# A shard whose worker dies this often with no item in hand (at its commit, say) stops the run.
IDLE_DEATHS = 10
# An item that was in hand at so many losses of nodes is suspected of them: it may be what exhausts a node's memory.
NODE_LOSSES = 5


class Blame:
    """Whom the deaths of a run are put down to."""

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._idle_deaths: Counter[str] = Counter()  # by shard
        self._losses: Counter[str] = Counter()  # of nodes, by the items that were in hand there

    def after_loss(self, work: ShardWork, left: Left) -> ShardWork:
        """The rest of a shard whose worker's node was lost: nobody's fault, but for who is always there."""
        self._losses.update(left.active)
        if any(self._losses[item] >= NODE_LOSSES for item in left.active):
            return self.after_death(work, left)
        return replace(work, outcomes=(*work.outcomes, *left.outcomes))

    def after_death(self, work: ShardWork, left: Left) -> ShardWork:
        """The rest of a shard after its worker died: suspects go one at a time, and are given up after `max_attempts`.

        Raises PoolFailure when it has died over nothing too often.
        """
        if not left.active:
            self._idle_deaths[work.shard_id] += 1
            if self._idle_deaths[work.shard_id] >= IDLE_DEATHS:
                raise PoolFailure(f"the worker of shard {work.shard_id} died {IDLE_DEATHS} times with no item in hand")
        items = tuple(self._blamed(spec, left) if spec.item_id in left.active else spec for spec in work.items)
        return replace(
            work, items=items, outcomes=(*work.outcomes, *left.outcomes), alone=work.alone | set(left.active)
        )

    def after_hang(self, work: ShardWork, left: Left, late: Set[str]) -> ShardWork:
        """The rest of a shard whose worker was stopped: an item over its time is given up.

        late: those; none: the worker was silent, and its items are tried one at a time.
        """
        if not late:
            return self.after_death(work, left)
        message = f"over limits.item_timeout_s = {self._limits.item_timeout_s:g}"
        items = tuple(
            replace(spec, error=Timeout.__name__, message=message) if spec.item_id in late else spec
            for spec in work.items
        )
        return replace(work, items=items, outcomes=(*work.outcomes, *left.outcomes))

    def _blamed(self, spec: ItemSpec, left: Left) -> ItemSpec:
        attempts = spec.attempts + 1
        if attempts < self._limits.max_attempts or len(left.active) > 1:
            return replace(spec, attempts=attempts)
        message = f"the process died {attempts} times while it worked on this item, the last time on nothing else"
        return replace(spec, attempts=attempts - 1, error=WorkerDied.__name__, message=message)
