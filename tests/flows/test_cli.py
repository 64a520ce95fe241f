import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import flows.launch
from flows.cli import BROKEN, FAILED_ITEMS, INTERRUPTED, OK, USAGE, app
from flows.request import Request
from flows.server import ServerFailed
from flows.settings import compose
from tasks.errors import PoolFailure, StorageUnavailable, UsageError
from tasks.publish.run_record import write_run
from tasks.store.objects import Store
from tests.support import archive, encoded, photo, read_sink


def invoked(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of a command, in this process."""
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def last_object(out: str) -> dict[str, Any]:
    found = json.loads(out.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def record(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"state": "finished", "failed_fraction": 0.0, "seconds": 1.0, "this_run": {"ok": 1}}
    made |= {"totals": {"items": 1, "ok": 1, "errors": {}}, "report": "r", "environment": {}}
    return made | {"settings": {"limits": {"max_failed_fraction": 0.0}}} | changes


def launching(monkeypatch: pytest.MonkeyPatch, result: dict[str, Any] | BaseException) -> list[Any]:
    """`lacuna restore` ends with this; returns what it was asked for."""
    asked: list[Any] = []

    def launch(*given: Any) -> dict[str, Any]:
        asked.append(given)
        if isinstance(result, BaseException):
            raise result
        return result

    monkeypatch.setattr(flows.launch, "launch_restore", launch)
    return asked


RESTORE = ("restore", "in", "masks", "--out", "sink")


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (record(), OK),
        (record(failed_fraction=0.01), FAILED_ITEMS),
        (record(failed_fraction=0.01, settings={"limits": {"max_failed_fraction": 0.01}}), OK),
        (record(failed_fraction=0.02, settings={"limits": {"max_failed_fraction": 0.01}}), FAILED_ITEMS),
        (record(state="stopped at limits.max_hours", failed_fraction=0.5), INTERRUPTED),
    ],
)
def test_how_a_run_ended(monkeypatch: pytest.MonkeyPatch, result: dict[str, Any], code: int) -> None:
    launching(monkeypatch, result)
    found, out, _ = invoked(*RESTORE, "--json")
    assert found == code
    assert last_object(out) == {k: v for k, v in result.items() if k not in ("settings", "environment")}
    assert len(out.splitlines()) == 1
    assert invoked(*RESTORE)[0] == code


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("mask.dilate: no such setting"), USAGE, "mask.dilate: no such setting"),
        (KeyboardInterrupt(), INTERRUPTED, "the same command does the rest"),
        (PoolFailure("workers do not start"), BROKEN, "PoolFailure: workers do not start"),
        (ServerFailed("no answer"), BROKEN, "ServerFailed: no answer"),
        (StorageUnavailable("503"), BROKEN, "StorageUnavailable: 503"),
        (ConnectionError("gone"), BROKEN, "ConnectionError: gone"),
    ],
)
def test_why_a_run_broke_off(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str) -> None:
    launching(monkeypatch, error)
    found, out, err = invoked(*RESTORE, "--json")
    assert found == code
    assert said in err
    assert last_object(out)["exit_code"] == code
    assert said in last_object(out)["error"]
    assert (invoked(*RESTORE)[:2], "Traceback" in err) == ((code, ""), False)


def test_an_interruption_behind_another_error_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = SystemError("compiled code")
    behind.__cause__ = KeyboardInterrupt()
    launching(monkeypatch, behind)
    assert invoked(*RESTORE)[0] == INTERRUPTED


def test_a_fault_of_the_program_is_shown_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    launching(monkeypatch, ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        invoked(*RESTORE)


def test_sigterm_interrupts_and_the_handler_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(flows.launch, "launch_restore", lambda *_: signal.raise_signal(signal.SIGTERM))
    assert invoked(*RESTORE)[0] == INTERRUPTED
    assert signal.getsignal(signal.SIGTERM) is before


def test_options_reach_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = launching(monkeypatch, record())
    options = (
        "--recipe",
        "fast",
        "--model",
        "big",
        "--set",
        "mask.dilate_px=7",
        "--set",
        "mask.feather_px=1",
        "--limit",
        "3",
        "--retry",
        " Timeout, X,",
    )
    assert invoked(*RESTORE, *options)[0] == OK
    assert invoked("restore", "in", "--out", "sink")[0] == OK
    settings = compose("fast", ["mask.dilate_px=7", "mask.feather_px=1"], "big")
    assert asked[0] == (Request("in", "masks", "sink", "fast", settings, 3, ("Timeout", "X")),)
    assert asked[1] == (Request("in", None, "sink", "balanced", compose("balanced")),)


def test_wrong_settings_are_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = launching(monkeypatch, record())
    code, _, err = invoked(*RESTORE, "--set", "mask.dilate=7")
    assert (code, asked, "mask.dilate" in err) == (USAGE, [], True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("restore", "in"),
        ("restore", "--out", "x"),
        ("restore", "in", "--out", "x", "--limit", "0"),
        ("restore", "in", "--out", "x", "--unheard-of"),
        ("unheard-of",),
    ],
)
def test_a_command_line_that_is_none(arguments: tuple[str, ...]) -> None:
    assert invoked(*arguments)[0] == USAGE


def test_help_names_every_command() -> None:
    code, out, _ = invoked("--help")
    assert code == OK
    for command in ("restore", "plan", "status", "report", "demo", "benchmark", "weights"):
        assert re.search(rf"\b{command}\b", out)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["restore", "--help"], ["status", "sink", "--json"], ["weights", "list"]]
)
def test_what_needs_no_workers_imports_none(arguments: list[str], tmp_path: Path) -> None:
    write_run(Store(str(tmp_path / "sink")), {"run_id": "1", "state": "finished"})
    code = (
        f"import sys; sys.argv = ['lacuna', *{arguments!r}]\n"
        "from flows.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print(sorted({'ray', 'prefect', 'torch'} & set(sys.modules)), file=sys.stderr)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.usefixtures("live")
@pytest.mark.timeout(300)
def test_the_commands_over_the_life_of_a_sink(tmp_path: Path) -> None:
    made, sink = archive(str(tmp_path / "in"), 2), str(tmp_path / "sink")
    command = (made.images, made.masks, "--out", sink, "--recipe", "fast", "--set", "runtime.actors=1", "--json")
    assert invoked("restore", str(tmp_path / "nowhere"), "--out", sink, "--json")[0] == USAGE
    for command_ in ("restore", "plan"):
        assert invoked(command_, made.images, made.masks, "--out", "")[0] == USAGE
    for command_ in ("status", "report"):
        assert invoked(command_, sink)[0] == USAGE
    code, out, err = invoked("plan", *command)
    assert (code, last_object(out)["to_do"]["items"]) == (OK, 2)
    assert not (tmp_path / "sink").exists()
    code, out, err = invoked("restore", *command)
    assert (code, last_object(out)["totals"]["ok"]) == (OK, 2)
    assert "2 items to do" in err

    made.put("bad.png", b"no picture", encoded(photo(8, 8, 1, 1), ".png"))
    code, out, _ = invoked("restore", *command)
    assert (code, last_object(out)["totals"]["errors"]) == (FAILED_ITEMS, {"ImageUnreadable": 1})
    # Judged on the rows as they stand, though this run had nothing to do.
    assert invoked("restore", *command)[0] == FAILED_ITEMS
    assert invoked("restore", *command, "--set", "limits.max_failed_fraction=0.5")[0] == OK

    before = read_sink(sink)
    code, out, _ = invoked("status", sink, "--json")
    assert (code, last_object(out)["left"], last_object(out)["last_run"]["state"]) == (OK, 0, "finished")
    code, out, _ = invoked("plan", *command)
    assert (code, last_object(out)["to_do"]["done before"]) == (OK, 3)
    assert read_sink(sink) == before
    code, out, _ = invoked("report", sink, "--json")
    assert (code, last_object(out)) == (OK, {"report": f"{sink}/report/index.html"})
