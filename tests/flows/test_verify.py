import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.cli import FAILED_ITEMS, OK, USAGE
from flows.request import Request
from flows.settings import compose
from flows.verify import SHOWN, print_verified, verify
from tasks.errors import UsageError
from tasks.publish.commit import commit_shard
from tasks.publish.run_record import write_run
from tasks.run.item import Bench, restore_item
from tasks.run.job import Job
from tasks.run.prepare import commit_plan, open_sink, works
from tasks.store.objects import Store
from tests.flows.test_cli import invoked
from tests.support import Archive, archive, encoded, photo, read_sink
from tests.tasks.run.test_item import FakeGenerator


def restored_here(root: Path, made: Archive, *sets: str) -> Path:
    """An archive restored in this process; returns the sink."""
    settings = compose("fast", ["runtime.shard_items=2", *sets])
    request = Request(made.images, made.masks, str(root / "sink"), "fast", settings)
    store = open_sink(request.out)
    done_here(store, request, commit_plan(request.prepare(store, 1), store), "run-1")
    write_run(store, {"run_id": "run-1", "settings": settings.model_dump(mode="json")})
    return root / "sink"


def done_here(store: Store, request: Request, table: pa.Table, run_id: str) -> None:
    """Restore and commit what is planned, in this process."""
    settings = request.settings
    job = Job(run_id, store.root, "fast", settings.of_items(), settings.limits, settings.runtime, "code-1")
    bench = Bench(job, FakeGenerator())
    for work in works(table):
        outcomes = [restore_item(spec, bench) for spec in work.items]
        commit_shard(store, work.shard_id, [o.row for o in outcomes], [hole for o in outcomes for hole in o.holes])


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five items and one without a mask."""
    root = tmp_path_factory.mktemp("restored")
    made = archive(str(root / "archive"), 5, size=(48, 48))
    made.put("lonely.png", encoded(photo(16, 16, 1), ".png"), None)
    return restored_here(root, made)


@pytest.fixture
def sink(restored: Path, tmp_path: Path) -> Path:
    """A copy to tamper with: originals are read at their first place."""
    return Path(shutil.copytree(restored, tmp_path / "sink"))


def problems(sink: Path) -> dict[str, int]:
    found: dict[str, int] = verify(str(sink))["problems"]
    return found


def test_a_sink_as_it_was_left_is_sound_and_nothing_is_written(sink: Path) -> None:
    before = read_sink(str(sink))
    code, out, _ = invoked("verify", str(sink), "--json")
    found = json.loads(out)
    assert code == OK
    assert (found["checked"], found["left"], found["problems"], found["findings"]) == (
        {"failed": 1, "ok": 5},
        0,
        {},
        [],
    )
    assert read_sink(str(sink)) == before
    code, out, _ = invoked("verify", str(sink))
    assert (code, "every output is as it was written" in out) == (OK, True)


def test_each_tampered_file_is_named(sink: Path) -> None:
    images = sorted(path for path in (sink / "images").rglob("*") if path.is_file())
    images[0].unlink()
    images[1].write_bytes(images[2].read_bytes())
    assert problems(sink) == {"OutputMissing": 1, "OutputChanged": 1}
    code, out, _ = invoked("verify", str(sink))
    assert code == FAILED_ITEMS
    assert images[0].name in out
    assert images[1].name in out


def test_rows_that_are_twice_gone_or_without_holes(sink: Path) -> None:
    first, *_ = sorted((sink / "results").iterdir())
    table = pq.read_table(first)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), first)
    assert problems(sink)["RowDuplicate"] == 1
    first.unlink()
    assert verify(str(sink))["left"] == table.num_rows
    other = next(iter(sorted((sink / "results").iterdir())))
    (sink / "holes" / other.name).unlink()
    ok = sum(status == "ok" for status in pq.read_table(other)["status"].to_pylist())
    assert problems(sink) == {"HolesMissing": ok}


def test_a_run_whose_record_is_gone(sink: Path) -> None:
    for record in (sink / "runs").iterdir():
        record.unlink()
    assert problems(sink) == {"NotChecked": 5}


def test_no_sink(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run has been here"):
        verify(str(tmp_path))
    assert invoked("verify", str(tmp_path))[0] == USAGE


def test_a_sink_without_its_plan_names_what_is_damaged_first(sink: Path) -> None:
    for path in (sink / "plan").iterdir():
        path.unlink()
    with pytest.raises(UsageError, match="its plan is gone"):
        verify(str(sink))
    spoilt = next((sink / "results").glob("*.parquet"))
    spoilt.write_bytes(spoilt.read_bytes()[:40])
    with pytest.raises(UsageError, match=f"{spoilt.name} is damaged"):
        verify(str(sink))


def test_a_long_list_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    finding: dict[str, Any] = {"problem": "OutputMissing", "output": "a.png", "message": "m", "shard_id": "s"}
    count = SHOWN + 7
    print_verified(
        {"checked": {"ok": count}, "left": 3, "problems": {"OutputMissing": count}, "findings": [finding] * count}
    )
    out = capsys.readouterr().out
    assert (out.count("a.png"), "7 more" in out, "3 planned items" in out) == (SHOWN, True, True)
