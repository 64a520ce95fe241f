from pathlib import Path
from typing import Any

import pytest

from flows import plan as module
from flows.plan import plan
from flows.request import Request
from flows.settings import compose
from tasks.errors import UsageError
from tests.support import Archive, archive, encoded, photo


@pytest.fixture
def made(tmp_path: Path) -> Archive:
    found = archive(str(tmp_path / "archive"), 8, size=(64, 64))
    found.put("no mask.png", encoded(photo(64, 64, 1), ".png"), None)
    return found


def tree(root: Path) -> dict[str, Any]:
    """Everything below a folder: bytes and time of change."""
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else None) for p in root.rglob("*")}


def planned(made: Archive, out: Path, *sets: str, **options: Any) -> dict[str, Any]:
    settings = compose(options.get("recipe", "fast"), ["runtime.actors=2", *sets], options.pop("model", None))
    return plan(Request(made.images, made.masks, str(out), settings=settings, **{"recipe": "fast"} | options))


def test_it_says_what_would_be_done_and_writes_nothing(made: Archive, tmp_path: Path) -> None:
    before = tree(tmp_path)
    found = planned(made, tmp_path / "sink", "runtime.shard_items=4")
    assert tree(tmp_path) == before
    to_do = found["to_do"]
    assert (to_do["items"], to_do["new"], to_do["shards"], to_do["done before"]) == (9, 9, 3, 0)
    assert to_do["megabytes of images"] >= 0
    assert found["refused"] == {"MaskMissing": 1}
    assert found["generator"] == "lama-small"
    cost = found["cost"]
    assert cost["measured on"].startswith("6 items of this work")
    assert cost["seconds an item"] > 0
    assert cost["restorers"] == 2


def test_measuring_stops_when_it_has_taken_long_enough(
    made: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE_S", 0.0)
    assert planned(made, tmp_path / "sink")["cost"]["measured on"].startswith("1 items")


def test_nothing_to_do_costs_nothing(made: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LocalGenerator", lambda *_: pytest.fail("no generator is needed"))
    (tmp_path / "empty").mkdir()
    only = Archive(str(tmp_path / "only"), str(tmp_path / "empty"))
    only.put("a.png", encoded(photo(8, 8, 1), ".png"), None)
    found = planned(only, tmp_path / "sink")
    assert (found["to_do"]["items"], found["refused"]) == (1, {"MaskMissing": 1})
    assert found["cost"] == {"time": "nothing to fill"}


def test_a_limit_and_wrong_usage(made: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cost", lambda *_: {})
    assert planned(made, tmp_path / "sink", limit=4)["to_do"]["items"] == 4
    for wrong in ({"retry": ("Nonsense",)}, {"recipe": "slow"}, {"model": "unheard-of"}):
        with pytest.raises(UsageError):
            planned(made, tmp_path / "sink", **wrong)
    with pytest.raises(UsageError, match="overlap"):
        planned(made, Path(made.images) / "sink")


def test_the_price_follows_the_time(made: Archive, tmp_path: Path) -> None:
    cost = planned(made, tmp_path / "sink", "runtime.hourly_price=1e9")["cost"]
    hours = cost["seconds an item"] * 8 / 2 / 3600  # eight can be filled, by two restorers
    assert cost["price at 1e+09 an hour"] == pytest.approx(hours * 1e9, rel=0.5, abs=0.01 * 8 / 2 / 3600 * 1e9)
    assert cost["megapixels a second of a restorer"] > 0
