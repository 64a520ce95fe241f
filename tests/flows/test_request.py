from pathlib import Path

import pytest

from flows.request import Request
from flows.settings import compose
from tasks.errors import UsageError
from tasks.run.prepare import commit_plan, open_sink
from tests.flows.test_verify import done_here, restored_here
from tests.support import archive, rows


def test_it_hands_on_what_was_asked(tmp_path: Path) -> None:
    made = archive(str(tmp_path / "archive"), 6, size=(16, 16))
    settings = compose("fast", ["runtime.shard_items=2"])
    request = Request(made.images, made.masks, str(tmp_path / "sink"), "fast", settings, limit=5)
    prepared = request.prepare(open_sink(request.out), 1)
    assert (prepared.todo.items, prepared.shards) == (5, 3)
    assert not (tmp_path / "sink").exists()


def test_wrong_usage_is_said_before_anything_is_written(tmp_path: Path) -> None:
    made = archive(str(tmp_path / "archive"), 1, size=(16, 16))
    for wrong in (
        Request(made.images, made.masks, str(tmp_path / "sink"), retry=("Nonsense",)),
        Request(made.images, made.masks, str(Path(made.images) / "sink")),
        Request(made.images, made.masks, str(tmp_path / "sink"), settings=compose("fast", ["model.name=unheard-of"])),
    ):
        with pytest.raises(UsageError):
            wrong.prepare(open_sink(wrong.out), 1)
    assert not (tmp_path / "sink").exists()


def test_what_the_report_exports_is_done_again_or_left_as_it_was(tmp_path: Path) -> None:
    made = archive(str(tmp_path / "archive"), 4, size=(48, 48))
    sink = restored_here(tmp_path, made)
    redo, leave, *others = sorted(rows(str(sink)), key=lambda row: row["output"])
    lines = ["image,mask,name,override"]
    for row, override in ((redo, '{""fill.context"": 4}'), (leave, '{""mask.ignore"": true}')):
        mask = Path(row["mask"]).relative_to(made.masks)
        lines.append(f'"{row["image"]}","{mask}","{row["output"]}","{override}"')
    (tmp_path / "decisions.csv").write_text("\n".join(lines))
    settings = compose("fast", [f"source.root={made.images}", "output.on_change=redo"])
    request = Request(str(tmp_path / "decisions.csv"), made.masks, str(sink), "fast", settings)
    store = open_sink(request.out)
    prepared = request.prepare(store, 1)
    assert prepared.todo.reasons == {"redo": 2}
    done_here(store, request, commit_plan(prepared, store), "run-2")
    after = {row["output"]: row for row in rows(str(sink))}
    assert {after[row["output"]]["run_id"] for row in others} == {"run-1"}
    assert (after[redo["output"]]["status"], after[redo["output"]]["run_id"]) == ("ok", "run-2")
    left = after[leave["output"]]
    assert (left["status"], left["message"], left["output_sha256"]) == (
        "unchanged",
        "mask.ignore",
        left["input_sha256"],
    )
