"""The real actors, as a run uses them: one restorer with the embedded generator, one item."""

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
    reporter.begin("c")
    assert ray.get(ledger.snapshot.remote()).done == 1  # what was finished is said with what begins
    reporter.done("c", Outcome({"item_id": "c", "status": "ok"}))
    ray.get(reporter.flush())
    assert reporter.flush() is None
    left = ray.get(ledger.close.remote("w"))
    assert left.active == {"a"}
    assert [outcome.row["item_id"] for outcome in left.outcomes] == ["b", "c"]
    ray.kill(ledger)


def test_a_restorer_in_its_process(ray_cluster: None, tmp_path: Path) -> None:
    made = archive(str(tmp_path), 1)
    image, mask = "box 0/picture 000.png", "box 0/picture 000.png"
    spec = ItemSpec("i", f"{made.images}/{image}", (f"{made.masks}/{mask}",), None, image, None, None, None)
    job = Job("r", str(tmp_path / "sink"), "fast", ItemSettings(), LimitSettings(), RuntimeSettings(), "code")
    ledger = LedgerActor.remote(60.0)
    actor = RestorerActor.options(num_cpus=0).remote("w", job, ledger, 1, False)
    done = ray.get(actor.restore.remote(ShardWork("s", (spec,))))
    assert ray.get(actor.ready.remote()) == ray.get_runtime_context().get_node_id()
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
