import json
import signal

import pytest
import typer

from flows.outcome import BROKEN, FAILED_ITEMS, INTERRUPTED, OK, USAGE, emit, interrupted, leave
from flows.server import ServerFailed
from tasks.errors import PoolFailure, StorageUnavailable, UsageError


def left(run, as_json: bool = False, **options) -> int:
    with pytest.raises(typer.Exit) as exit_:
        leave(run, as_json, **options)
    return int(exit_.value.exit_code)


def raising(error: BaseException):
    def run() -> int:
        raise error

    return run


@pytest.mark.parametrize("code", [OK, FAILED_ITEMS])
def test_what_a_command_says_is_its_exit_code(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert left(lambda: code) == code
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x: no such setting"), USAGE),
        (PoolFailure("x"), BROKEN),
        (ServerFailed("x"), BROKEN),
        (StorageUnavailable("x"), BROKEN),
        (OSError("x"), BROKEN),
        (KeyboardInterrupt(), INTERRUPTED),
    ],
)
def test_what_went_wrong_is_one_line(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert left(raising(error), as_json=True, how_on="again does it") == code
    out, err = capsys.readouterr()
    said = "again does it" if code == INTERRUPTED else "x"
    assert len(err.splitlines()) == 1 and said in err
    assert json.loads(out)["exit_code"] == code


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        leave(raising(ZeroDivisionError("a bug")), False)


def test_an_interruption_is_found_behind_other_errors() -> None:
    behind = SystemError("compiled code")
    behind.__context__ = ValueError("between")
    behind.__context__.__cause__ = KeyboardInterrupt()
    assert interrupted(behind)
    assert not interrupted(SystemError("compiled code"))
    assert not interrupted(None)


def test_sigterm_is_an_interruption() -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert left(lambda: signal.raise_signal(signal.SIGTERM) or OK) == INTERRUPTED
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_result_is_printed_one_way_or_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"a": "é"}, True, lambda _: pytest.fail("not asked for"))
    assert capsys.readouterr().out == '{"a": "é"}\n'
    emit({"a": 1}, False, lambda found: print(found["a"]))
    assert capsys.readouterr().out == "1\n"
