from pathlib import Path

import pyarrow as pa
import pytest

from flows.status import status
from tasks.catalog.plan_file import append_plan
from tasks.catalog.schema import PLAN_SCHEMA
from tasks.errors import UsageError
from tasks.publish.commit import commit_shard
from tasks.publish.run_record import write_run
from tasks.store.objects import Store
from tests.support import read_sink


def plan(store: Store, *items: str) -> None:
    rows = [
        {"item_id": i, "image": i, "masks": [], "output": i, "bytes": 1, "image_version": "v", "shard_id": f"s-{i[0]}"}
        for i in items
    ]
    append_plan(store, pa.Table.from_pylist(rows, schema=PLAN_SCHEMA))


def test_how_far_a_run_is_and_nothing_is_written(root: str) -> None:
    store = Store(root)
    plan(store, "a1", "a2", "b1", "b2", "b3")
    commit_shard(
        store, "s-a", [{"item_id": "a1", "status": "ok"}, {"item_id": "a2", "status": "failed", "error": "Timeout"}], []
    )
    write_run(store, {"run_id": "1", "state": "interrupted", "started_at": "then", "settings": {}})
    write_run(store, {"run_id": "2", "state": "running"})
    before = read_sink(root)
    found = status(root)
    assert (found["planned"], found["left"], found["shards"], found["shards_done"]) == (5, 3, 2, 1)
    assert (found["totals"]["items"], found["totals"]["errors"]) == (2, {"Timeout": 1})
    assert (found["last_run"]["run_id"], found["last_run"]["finished_at"]) == ("2", None)
    assert read_sink(root) == before


def test_a_sink_that_is_planned_only(tmp_path: Path) -> None:
    plan(Store(str(tmp_path)), "a1")
    found = status(str(tmp_path))
    assert (found["left"], found["shards_done"], found["last_run"]) == (1, 0, None)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_a_run(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no run has been here"):
        status(str(tmp_path / name))
    assert not (tmp_path / "nowhere").exists()
