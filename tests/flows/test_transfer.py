import io

import pytest
from rich.console import Console

import flows.transfer
from flows.transfer import transfer


def test_elsewhere_a_plain_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with transfer("x.pt", Console(file=io.StringIO())) as report:
        report(1_000_000, 4_000_000)
        assert capsys.readouterr().err == ""
        monkeypatch.setattr(flows.transfer, "PLAIN_EVERY_S", 0.0)
        report(2_000_000, 4_000_000)
        report(3_000_000, None)
    assert capsys.readouterr().err == "x.pt: 2 of 4 MB\nx.pt: 3 MB\n"


def test_on_a_terminal_a_bar() -> None:
    out = io.StringIO()
    with transfer("x.pt", Console(file=out, force_terminal=True, width=100)) as report:
        report(1_000_000, 4_000_000)
        report(4_000_000, 4_000_000)
    assert "x.pt" in out.getvalue() and "4.0/4.0 MB" in out.getvalue()
