import io

import pytest
from rich.console import Console

from flows import progress as module
from flows.progress import PLAIN_EVERY_S, RunProgress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_elsewhere_than_on_a_terminal_a_plain_line_now_and_then(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with RunProgress(100, Console(file=io.StringIO())) as progress:
        for second in range(1, 61):
            clock[0] += 1
            progress.update(second, second // 20, second * 0.5)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 60 / PLAIN_EVERY_S
    assert lines[-1] == "60/100 done, 3 failed, 0.50 MP/s, about 40 s left"


def test_before_anything_is_done_nobody_knows_what_is_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = RunProgress(5, Console(file=io.StringIO()))
    progress.update(0, 0, 0.0)
    clock[0] += PLAIN_EVERY_S
    progress.update(0, 0, 0.0)
    assert capsys.readouterr().err == "0/5 done, 0 failed, 0.00 MP/s\n"


def test_on_a_terminal_a_bar() -> None:
    screen = io.StringIO()
    with RunProgress(4, Console(file=screen, force_terminal=True, width=120)) as progress:
        progress.update(3, 1, 2.0)
    assert "3/4" in screen.getvalue()
    assert "1 failed" in screen.getvalue()
    assert "MP/s" in screen.getvalue()


def test_an_error_inside_ends_the_bar_and_passes() -> None:
    screen = io.StringIO()
    with pytest.raises(KeyboardInterrupt), RunProgress(4, Console(file=screen, force_terminal=True)):
        raise KeyboardInterrupt
    assert screen.getvalue().endswith("\x1b[?25h")  # the cursor is shown again
