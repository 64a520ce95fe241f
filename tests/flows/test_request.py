from pathlib import Path

import pytest

from flows.request import Request
from flows.settings import compose
from tasks.errors import UsageError
from tasks.run.prepare import open_sink
from tests.support import archive


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
