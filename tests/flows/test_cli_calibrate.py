from typing import Any

import pytest
from typer.testing import CliRunner

import flows.calibrating
from flows.cli import app
from tasks.errors import UsageError


def test_its_options_reach_the_flow_and_it_starts_from_best(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    record = {"table": [], "candidates": [], "failed": {}, "recipe": "r.yaml", "evidence": []}
    monkeypatch.setattr(flows.calibrating, "launch_calibrate", lambda *given: asked.append(given) or record)
    done = CliRunner().invoke(app, ["calibrate", "images", "masks", "--out", "r.yaml", "--limit", "3"])
    assert done.exit_code == 0 and "r.yaml" in done.stdout
    ((images, out, masks, settings, limit),) = asked
    assert (images, out, masks, limit) == ("images", "r.yaml", "masks", 3)
    assert settings.judge.mode == "pseudo_holes"


def test_wrong_settings_are_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, ["calibrate", "images", "--set", "judge.mode=sometimes"])
    assert done.exit_code == 2

    def refused(*given: Any) -> None:
        raise UsageError("no item")

    monkeypatch.setattr(flows.calibrating, "launch_calibrate", refused)
    assert CliRunner().invoke(app, ["calibrate", "images"]).exit_code == 2
