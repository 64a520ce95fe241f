"""The Ray actors: thin shells around plain classes. `max_restarts=0`: the pool replaces what died, and knows why."""

import logging
import os
import threading
import time
from typing import Any

import cv2
import ray

from tasks.run.generating import LocalGenerator, RemoteGenerator, SharedGenerator
from tasks.run.job import Job, Outcome, ShardDone, ShardWork
from tasks.run.ledger import Ledger
from tasks.run.restorer import Restorer
from tasks.store.formats.vips import set_threads

BEAT_S = 1.0
# Items that one restorer keeps in the filling step when a shared generator does the work: enough to fill its batches.
REMOTE_FILL_SLOTS = 4


class LedgerReporter:
    """Says to the ledger what this worker is on. `begin` waits for the answer: a death a moment later is still attributed."""

    def __init__(self, ledger: Any, worker: str) -> None:
        self._ledger, self._worker = ledger, worker

    def begin(self, item_id: str) -> None:
        """See `tasks.run.restorer.Reporter`."""
        ray.get(self._ledger.begin.remote(self._worker, item_id))

    def done(self, item_id: str, outcome: Outcome) -> None:
        """See `tasks.run.restorer.Reporter`."""
        self._ledger.done.remote(self._worker, item_id, outcome)


class RestorerShell:
    """A restorer in its process. `generator`: index of the shared generator, or None to hold one itself."""

    def __init__(self, worker: str, job: Job, ledger: Any, threads: int, generator: int | None) -> None:
        logging.basicConfig(level=os.environ.get("LACUNA_LOG", "WARNING"))
        # Each process keeps to its own cores: libraries must not start a team of threads each.
        cv2.setNumThreads(1)
        set_threads(1)
        self._worker, self._ledger = worker, ledger
        held = (
            LocalGenerator(job.items.model, threads)
            if generator is None
            else RemoteGenerator(generator, ledger, job.limits.max_attempts)
        )
        slots = 1 if generator is None else REMOTE_FILL_SLOTS
        self._restorer = Restorer(job, held, LedgerReporter(ledger, worker), slots)
        threading.Thread(target=self._beat, daemon=True, name="beat").start()

    def ready(self) -> int:
        """The process id; returns when weights are loaded."""
        return os.getpid()

    def restore(self, work: ShardWork) -> ShardDone:
        """See `Restorer.restore`."""
        ray.get(self._ledger.open.remote(self._worker))
        return self._restorer.restore(work)

    def _beat(self) -> None:
        while True:
            self._ledger.beat.remote(self._worker, self._restorer.watch.busy())
            time.sleep(BEAT_S)


LedgerActor = ray.remote(num_cpus=0, max_restarts=0)(Ledger)
RestorerActor = ray.remote(max_restarts=0)(RestorerShell)
GeneratorActor = ray.remote(max_restarts=0)(SharedGenerator)
