"""The command on sinks that are damaged or shared: it says what is wrong, and the next run makes them whole."""

import shutil
from pathlib import Path

import pytest

from flows.cli import USAGE
from flows.verify import verify
from tests.support import Archive, archive, content, lacuna, rows, start

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]

ITEMS = 9
SETTINGS = ("--recipe", "fast", "--set", "runtime.shard_items=2")
POOL_FAILURE = 1


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> tuple[Archive, Path]:
    """An archive, and the sink of an undisturbed run over it."""
    root = tmp_path_factory.mktemp("undisturbed")
    made = archive(str(root), ITEMS)
    lacuna("restore", made.images, made.masks, "--out", str(root / "sink"), *SETTINGS)
    return made, root / "sink"


def restored(made: Archive, sink: Path, expect: int = 0) -> None:
    lacuna("restore", made.images, made.masks, "--out", str(sink), *SETTINGS, expect=expect)


def whole(sink: Path, clean: Path) -> None:
    """As if nothing had happened."""
    assert content(str(sink)) == content(str(clean))
    assert len({row["item_id"] for row in rows(str(sink))}) == len(rows(str(sink))) == ITEMS
    assert verify(str(sink))["problems"] == {}


def test_a_committed_file_that_was_damaged_is_named_and_moved_away(work: tuple[Archive, Path], tmp_path: Path) -> None:
    made, clean = work
    sink = Path(shutil.copytree(clean, tmp_path / "sink"))
    spoilt = max((sink / "results").iterdir())
    data = spoilt.read_bytes()
    spoilt.write_bytes(data[: len(data) // 2])
    process = start("restore", made.images, made.masks, "--out", str(sink), *SETTINGS)
    _, said = process.communicate()
    assert process.returncode == USAGE
    assert spoilt.name in said.replace("\n", "")
    assert "Move it away" in said
    spoilt.unlink()
    restored(made, sink)
    whole(sink, clean)


def test_a_sink_that_was_partly_deleted(work: tuple[Archive, Path], tmp_path: Path) -> None:
    made, clean = work
    sink = Path(shutil.copytree(clean, tmp_path / "sink"))
    committed = sorted((sink / "results").iterdir())
    gone = next(path for path in sorted((sink / "images").rglob("*")) if path.is_file())
    for path in (committed[0], sink / "holes" / committed[1].name, gone, *(sink / "plan").iterdir()):
        path.unlink()
    shutil.rmtree(sink / "report")
    restored(made, sink)
    for finding in verify(str(sink))["findings"]:
        (sink / "results" / f"{finding['shard_id']}.parquet").unlink(missing_ok=True)
    restored(made, sink)
    whole(sink, clean)
    assert (sink / "report/index.html").exists()


def test_two_runs_at_once_on_one_sink(work: tuple[Archive, Path], tmp_path: Path) -> None:
    made, clean = work
    sink = tmp_path / "sink"
    command = ("restore", made.images, made.masks, "--out", str(sink), *SETTINGS)
    both = [start(*command), start(*command)]
    for process in both:
        _, said = process.communicate()
        assert process.returncode == 0, said
    whole(sink, clean)
