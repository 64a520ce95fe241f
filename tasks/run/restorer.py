"""A restorer owns a shard from decode to commit. Decode, fill and encode of different items overlap."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from tasks.fill.fill import Filled
from tasks.publish.commit import commit_shard
from tasks.run.item import Bench, Generating, restore_item
from tasks.run.job import ItemSpec, Job, Outcome, ShardDone, ShardWork
from tasks.run.watch import Watch

# Beyond those that fill, one item is being loaded and one being saved.
AHEAD = 2


class Reporter(Protocol):
    """How a restorer says what it is on."""

    def begin(self, item_id: str) -> None:
        """Returns when it is known that this process is about to touch the item."""

    def done(self, item_id: str, outcome: Outcome) -> None:
        """The item's outputs are stored."""


class Restorer:
    """Works through shards with a generator. `fill_slots`: items that may be in the filling step at once."""

    def __init__(self, job: Job, generator: Generating, reporter: Reporter, fill_slots: int = 1) -> None:
        self.watch = Watch()
        # torch keeps a team of threads for each calling thread: filling always happens on the same ones.
        self._fillers = ThreadPoolExecutor(fill_slots, thread_name_prefix="fill")
        self._movers = ThreadPoolExecutor(fill_slots + AHEAD, thread_name_prefix="item")
        self._reporter = reporter

        def in_turn(work: Callable[[], Filled]) -> Filled:
            return self._fillers.submit(work).result()

        self._bench = Bench(job, generator, in_turn, self.watch)

    def restore(self, work: ShardWork) -> ShardDone:
        """Restore what is left of a shard and commit it. Raises what storage raises when the commit itself fails."""
        finished = {outcome.row["item_id"] for outcome in work.outcomes}
        left = [spec for spec in work.items if spec.item_id not in finished]
        together = [spec for spec in left if spec.item_id not in work.alone]
        outcomes = [*work.outcomes, *self._movers.map(self._one, together)]
        outcomes += [self._one(spec) for spec in left if spec.item_id in work.alone]
        commit_id = commit_shard(
            self._bench.sink,
            work.shard_id,
            [outcome.row for outcome in outcomes],
            [hole for outcome in outcomes for hole in outcome.holes],
        )
        return ShardDone(
            work.shard_id,
            commit_id,
            dict(Counter(outcome.row["status"] for outcome in outcomes)),
            dict(Counter(outcome.row["error"] for outcome in outcomes if outcome.row["status"] == "failed")),
            sum(outcome.megapixels for outcome in outcomes),
            sum(len(outcome.holes) for outcome in outcomes),
        )

    def _one(self, spec: ItemSpec) -> Outcome:
        self._reporter.begin(spec.item_id)
        outcome = restore_item(spec, self._bench)
        self._reporter.done(spec.item_id, outcome)
        return outcome
