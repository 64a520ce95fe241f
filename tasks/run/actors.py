"""The Ray actors: thin shells around plain classes. `max_restarts=0`: the pool replaces what died, and knows why."""

import os
import threading
import time
from typing import Any

import cv2
import ray

from tasks.logs import start_logging
from tasks.run import metrics
from tasks.run.generating import LocalGenerator, SharedGenerator
from tasks.run.job import Job, Outcome, ShardDone, ShardWork
from tasks.run.ledger import Ledger
from tasks.run.remote import RemoteGenerator
from tasks.run.restorer import Restorer
from tasks.store.formats.vips import set_threads

BEAT_S = 1.0
# Items that one restorer keeps in the filling step when a shared generator does the work: enough to fill its batches.
REMOTE_FILL_SLOTS = 4
# Where a restorer shares cores with a generator, the generator goes first: it keeps a GPU busy.
YIELDING = 4


class LedgerReporter:
    """Says to the ledger what this worker is on. `begin` waits for the answer: a death a moment later is still attributed.

    What is finished is said with the next `begin`, one call for an item in place of two, or by `flush`, within a beat.
    """

    def __init__(self, ledger: Any, worker: str) -> None:
        self._ledger, self._worker = ledger, worker
        self._lock = threading.Lock()
        self._finished: list[tuple[str, Outcome]] = []

    def begin(self, item_id: str) -> None:
        """See `tasks.run.restorer.Reporter`."""
        ray.get(self._ledger.begin.remote(self._worker, item_id, self._taken()))

    def done(self, item_id: str, outcome: Outcome) -> None:
        """See `tasks.run.restorer.Reporter`."""
        with self._lock:
            self._finished.append((item_id, outcome))
        metrics.count_item(outcome)

    def flush(self) -> Any:
        """Say what is finished; the answer's reference, None where there is nothing to say."""
        finished = self._taken()
        return self._ledger.finished.remote(self._worker, finished) if finished else None

    def _taken(self) -> list[tuple[str, Outcome]]:
        with self._lock:
            finished, self._finished = self._finished, []
            return finished


class RestorerShell:
    """A restorer in its process. `shared`: generators of their own processes do the filling, else it holds one itself."""

    def __init__(self, worker: str, job: Job, ledger: Any, threads: int, shared: bool) -> None:
        start_logging(worker=worker, run_id=job.run_id)
        # Each process keeps to its own cores: libraries must not start a team of threads each.
        cv2.setNumThreads(1)
        set_threads(1)
        self._worker, self._ledger = worker, ledger
        if shared:
            os.nice(YIELDING)
        self._remote = RemoteGenerator(worker, ledger, job.limits.max_attempts) if shared else None
        held = self._remote or LocalGenerator(job.items.model, threads)
        slots = REMOTE_FILL_SLOTS if shared else 1
        self._reporter = LedgerReporter(ledger, worker)
        self._restorer = Restorer(job, held, self._reporter, slots)
        threading.Thread(target=self._beat, daemon=True, name="beat").start()

    def ready(self) -> str:
        """The id of the node that it is on; returns when weights are loaded."""
        return str(ray.get_runtime_context().get_node_id())

    def restore(self, work: ShardWork) -> ShardDone:
        """See `Restorer.restore`."""
        ray.get(self._ledger.open.remote(self._worker))
        if self._remote is not None:
            self._remote.renew()
        try:
            return self._restorer.restore(work)
        finally:  # before the driver closes this shard's page, and nothing of it comes onto the next one's
            if (said := self._reporter.flush()) is not None:
                ray.get(said)

    def _beat(self) -> None:
        while True:
            busy = self._restorer.watch.busy()
            if self._remote is not None:  # an item's time stands still while there is no generator for it
                busy = {item: seconds - self._remote.waited_s(item) for item, seconds in busy.items()}
            self._reporter.flush()
            self._ledger.beat.remote(self._worker, busy)
            time.sleep(BEAT_S)


LedgerActor = ray.remote(num_cpus=0, max_restarts=0)(Ledger)
RestorerActor = ray.remote(max_restarts=0)(RestorerShell)
GeneratorActor = ray.remote(max_restarts=0)(SharedGenerator)
