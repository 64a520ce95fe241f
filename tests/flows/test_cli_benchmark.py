import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import flows.benchmarking
from flows.benchmarking import Comparison
from flows.cli import app
from flows.outcome import BROKEN, FAILED_ITEMS, OK, USAGE
from tasks.errors import PoolFailure, UsageError
from tasks.judge.networks import NetworkFiles

COMMAND = ("benchmark", "photos", "--methods", " telea, pass:whole,", "--out", "o")


def invoked(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def launching(monkeypatch: pytest.MonkeyPatch, failed: int = 0, error: BaseException | None = None) -> list[Comparison]:
    asked: list[Comparison] = []

    def launch(given: Comparison) -> dict[str, Any]:
        asked.append(given)
        if error is not None:
            raise error
        totals = {"rows": 2, "ok": 2 - failed, "failed": failed}
        return {"totals": totals, "tables": {}, "notes": [], "written": {}, "photos": 1, "environment": {"secret": 1}}

    monkeypatch.setattr(flows.benchmarking, "launch_benchmark", launch)
    return asked


def test_options_reach_the_flow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = launching(monkeypatch)
    (tmp_path / "w").write_bytes(b"")
    files = {name: str(tmp_path / "w") for name in ("--features", "--lpips", "--lpips-heads", "--fid")}
    options = ("--masks", "thin,thick", "--seed", "3", "--limit", "9", "--set", "fill.context=3")
    network = ("--feature-network", "resnet50-dilated")
    assert invoked(*COMMAND)[0] == OK
    assert invoked(*COMMAND, *options, *network, *(word for pair in files.items() for word in pair))[0] == OK
    methods, there = ("telea", "pass:whole"), tmp_path / "w"
    assert asked == [
        Comparison("photos", methods, ("medium", "thick"), "o"),
        Comparison(
            "photos",
            methods,
            ("thin", "thick"),
            "o",
            3,
            9,
            ("fill.context=3",),
            NetworkFiles(there, "resnet50-dilated", there, there, there),
        ),
    ]


def test_how_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    launching(monkeypatch, failed=1)
    code, out, _ = invoked(*COMMAND, "--json")
    assert code == FAILED_ITEMS
    assert json.loads(out)["totals"]["failed"] == 1
    assert "secret" not in out
    for error, expected in ((UsageError("--methods x"), USAGE), (PoolFailure("dead"), BROKEN)):
        launching(monkeypatch, error=error)
        code, _, err = invoked(*COMMAND)
        assert (code, str(error) in err) == (expected, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("benchmark", "photos", "--out", "o"),
        ("benchmark", "photos", "--methods", "telea"),
        (*COMMAND, "--limit", "0"),
        (*COMMAND, "--seed", "-1"),
        (*COMMAND, "--fid", "not-there.pth"),
    ],
)
def test_a_command_line_that_is_none(arguments: tuple[str, ...]) -> None:
    assert invoked(*arguments)[0] == USAGE
