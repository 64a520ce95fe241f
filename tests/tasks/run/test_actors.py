"""The real actors, as a run uses them: one restorer with the embedded generator, one item."""

import os
from pathlib import Path

import ray

from tasks.publish.commit import read_results
from tasks.run.actors import LedgerActor, LedgerReporter, RestorerActor
from tasks.run.job import ItemSpec, Job, Outcome, ShardWork
from tasks.run.settings import ItemSettings, LimitSettings, RuntimeSettings
from tasks.store.objects import Store
from tests.support import archive


def test_a_reporter_is_heard_before_it_returns(ray_cluster: None) -> None:
    ledger = LedgerActor.remote(60.0)
    ray.get(ledger.open.remote("w"))
    reporter = LedgerReporter(ledger, "w")
    reporter.begin("a")
    reporter.begin("b")
    reporter.done("b", Outcome({"item_id": "b", "status": "ok"}))
    left = ray.get(ledger.close.remote("w"))
    assert left.active == {"a"}
    assert [outcome.row["item_id"] for outcome in left.outcomes] == ["b"]
    ray.kill(ledger)


def test_a_restorer_in_its_process(ray_cluster: None, tmp_path: Path) -> None:
    made = archive(str(tmp_path), 1)
    image, mask = "box 0/picture 000.png", "box 0/picture 000.png"
    spec = ItemSpec("i", f"{made.images}/{image}", (f"{made.masks}/{mask}",), None, image, None, None, None)
    job = Job("r", str(tmp_path / "sink"), "fast", ItemSettings(), LimitSettings(), RuntimeSettings(), "code")
    ledger = LedgerActor.remote(60.0)
    actor = RestorerActor.options(num_cpus=0).remote("w", job, ledger, 1, None)
    done = ray.get(actor.restore.remote(ShardWork("s", (spec,))))
    assert ray.get(actor.ready.remote()) != os.getpid()
    (row,) = read_results(Store(job.sink)).to_pylist()
    assert (row["status"], row["commit_id"], row["generator"], row["threads"]) == (
        "ok",
        done.commit_id,
        "lama-small",
        1,
    )
    now = ray.get(ledger.snapshot.remote())
    assert (now.done, now.failed, now.overdue) == (1, 0, {})
    assert ray.get(ledger.close.remote("w")).active == set()
    ray.kill(actor)
    ray.kill(ledger)
