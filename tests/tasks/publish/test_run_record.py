import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.publish.run_record import environment, new_run_id, read_runs, write_run
from tasks.store.objects import Store


def test_ids_are_sorted_by_time_and_differ() -> None:
    now = datetime(2026, 1, 31, 13, 45, tzinfo=UTC)
    ids = [new_run_id(now + timedelta(seconds=s)) for s in range(5)]
    assert ids == sorted(ids)
    assert re.fullmatch(r"20260131T134500Z-[0-9a-f]{8}", ids[0])
    assert len({new_run_id(now) for _ in range(50)}) == 50
    assert new_run_id() > ids[-1]


def test_records_are_read_oldest_first_and_rewritten_in_place(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert list(read_runs(store)) == []
    for run_id in ("2-b", "1-a"):
        write_run(store, {"run_id": run_id, "images": "/œuvres/«été»", "state": "running"})
    write_run(store, {"run_id": "1-a", "state": "finished"})
    (tmp_path / "runs/notes.txt").write_text("not ours")
    assert [(r["run_id"], r["state"]) for r in read_runs(store)] == [("1-a", "finished"), ("2-b", "running")]
    assert "«été»" in (tmp_path / "runs/2-b.json").read_text("utf-8")


def test_the_environment_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    found = json.dumps(environment())
    assert "very-secret" not in found
    assert "torch" in found
