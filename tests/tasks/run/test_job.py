import pickle

from tasks.catalog.schema import PLAN_SCHEMA
from tasks.run.job import ItemSpec, Job, Outcome, ShardWork
from tasks.run.settings import ItemSettings, LimitSettings, RuntimeSettings


def test_a_spec_takes_what_it_knows_of_a_plan_row() -> None:
    row = dict.fromkeys(PLAN_SCHEMA.names)
    row |= {
        "item_id": "i",
        "image": "/a.png",
        "masks": ["/m.png", "/n.png"],
        "output": "a.png",
        "bytes": 4,
        "shard_id": "s",
    }
    spec = ItemSpec.from_row(row)
    assert (spec.item_id, spec.masks, spec.error, spec.attempts) == ("i", ("/m.png", "/n.png"), None, 0)
    assert ItemSpec.from_row({**row, "masks": None}).masks == ()
    assert ItemSpec.from_row({**row, "error": "MaskMissing", "message": "none"}).error == "MaskMissing"


def test_what_travels_to_a_worker_arrives_as_it_was() -> None:
    job = Job("r", "/sink", "balanced", ItemSettings(), LimitSettings(), RuntimeSettings(), "code")
    spec = ItemSpec("i", "/a.png", ("/m.png",), None, "a.png", None, "v", None)
    work = ShardWork("s", (spec,), (Outcome({"item_id": "j", "status": "ok"}, ({"hole": 0},), 2.0),), frozenset({"i"}))
    assert pickle.loads(pickle.dumps((job, work))) == (job, work)
