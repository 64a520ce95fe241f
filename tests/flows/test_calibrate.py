"""The flow, called in this process, with trials that are given; what Ray does is in tests/tasks/run/test_calibrating.py."""

import csv
from pathlib import Path
from typing import Any

import pytest

import flows.calibrate
from flows.calibrate import calibrate
from flows.settings import compose
from tasks.errors import UsageError
from tasks.judge.calibration import Tried
from tasks.run.calibrating import Calibrated
from tests.support import archive

pytestmark = [pytest.mark.usefixtures("live"), pytest.mark.timeout(300)]


def _given(monkeypatch: pytest.MonkeyPatch, ratios: dict[str, list[float]], error: str | None = None) -> list[Any]:
    """Each item has what is told of its number; one fails."""
    asked: list[Any] = []

    def calibrated(specs: Any, *_: Any) -> list[Calibrated]:
        asked.extend(specs)
        found = [
            Calibrated(
                spec.item_id,
                tuple(Tried(0, 0, 500, "regions", name, values[n % len(values)]) for name, values in ratios.items()),
            )
            for n, spec in enumerate(specs)
        ]
        return [*found[:-1], Calibrated(specs[-1].item_id, error="ImageUnreadable: no")]

    monkeypatch.setattr(flows.calibrate, "calibrated", calibrated)
    return asked


def test_the_recipe_is_taken_by_restore_and_the_evidence_lies_beside_it(tmp_path: Path, monkeypatch) -> None:
    made = archive(str(tmp_path), 9)
    asked = _given(monkeypatch, {"regions": [0.1], "patches": [-0.4, -0.1], "regions + seam + grain": [0.3, -0.5]})
    out = tmp_path / "new" / "recipe.yaml"
    settings = compose("best", ["fill.context=3"])
    record = calibrate(made.images, str(out), made.masks, settings, 5)
    assert len(asked) == 5 == record["items"]
    assert record["candidates"] == ["patches", "regions + seam + grain"]
    assert len(record["failed"]) == 1
    taken = compose(str(out))
    assert taken.judge.candidates == ("patches", "regions + seam + grain")
    assert (taken.judge.mode, taken.judge.max_candidates) == ("pseudo_holes", 3)
    assert taken.model_copy(update={"judge": settings.judge}) == settings
    sheet, plot = (Path(path) for path in record["evidence"])
    rows = list(csv.DictReader(sheet.read_text("utf-8").splitlines()))
    assert len(rows) == 12 and {row["candidate"] for row in rows} == {s["candidate"] for s in record["table"]}
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_where_nothing_helps_the_judge_is_off(tmp_path: Path, monkeypatch) -> None:
    made = archive(str(tmp_path), 3)
    _given(monkeypatch, {"patches": [0.1, 0.2]})
    record = calibrate(made.images, str(tmp_path / "r.yaml"), made.masks, compose("best"), 3)
    assert record["candidates"] == []
    assert compose(record["recipe"]).judge.mode == "off"


def test_without_anything_to_try_nothing_is_written(tmp_path: Path, monkeypatch) -> None:
    made = archive(str(tmp_path), 2)
    _given(monkeypatch, {})
    with pytest.raises(UsageError, match="ImageUnreadable"):
        calibrate(made.images, str(tmp_path / "r.yaml"), made.masks, compose("best"), 3)
    with pytest.raises(UsageError, match=r"\.yaml"):
        calibrate(made.images, str(tmp_path / "r.txt"), made.masks, compose("best"), 3)
    assert not list(tmp_path.glob("r.*"))
