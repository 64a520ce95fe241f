from typing import Any

import pytest

from flows.summary import print_plan, print_restore, print_status
from tasks.publish.schema import RESULTS_SCHEMA, to_table
from tasks.publish.totals import totals

ODD = "/data/[old] :smile: [/b] [bold]x/report/index.html"


def counted(*rows: dict[str, Any]) -> dict[str, Any]:
    return totals(to_table(list(rows), RESULTS_SCHEMA))


def record(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = {"totals": counted(*rows), "this_run": {"shards": 4, "ok": 2, "failed": 1, "holes": 9}, "seconds": 12.34}
    return made | {"state": "finished", "report": ODD} | changes


OK = {"status": "ok", "width": 2000, "height": 1000, "holes": 3}
BAD = [{"status": "failed", "error": error} for error in ("ImageEmpty", "Timeout", "ImageEmpty")]


def test_a_run_that_went_well(capsys: pytest.CaptureFixture[str]) -> None:
    print_restore(record(OK, OK))
    out = capsys.readouterr().out
    assert "this run: 3 items in 12.3 s, finished" in out
    assert f"report:   {ODD}\n" in out  # as it is: a path is no markup
    assert "next:" not in out


def test_a_run_with_failures_says_how_many_of_each_and_what_next(capsys: pytest.CaptureFixture[str]) -> None:
    print_restore(record(OK, *BAD))
    out = capsys.readouterr().out
    assert out.index("ImageEmpty") < out.index("Timeout")
    assert "--retry ImageEmpty,Timeout" in out


def test_a_run_that_was_stopped_goes_on_by_the_same_command(capsys: pytest.CaptureFixture[str]) -> None:
    print_restore(record(OK, *BAD, state="stopped at limits.max_hours"))
    assert "next:     the same command does what is left" in capsys.readouterr().out


def test_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    planned = {"images": ODD, "masks": "(among the images)", "out": "/out", "recipe": "fast", "generator": "lama-small"}
    planned |= {"to_do": {"items": 7, "new": 7}, "refused": {"MaskMissing": 2}, "cost": {"time": "nothing to fill"}}
    print_plan(planned)
    out = "".join(capsys.readouterr().out.split())  # a long path is broken where the screen ends
    for said in (ODD, "to do: new", "refused already: MaskMissing", "cost: time", "nothing to fill"):
        assert "".join(said.split()) in out


def test_a_status_with_and_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    state = {"totals": counted(OK, *BAD), "planned": 9, "left": 5, "shards": 3, "shards_done": 1, "last_run": None}
    print_status(state)
    assert "planned: 9   left: 5   shards: 1/3" in capsys.readouterr().out
    print_status(state | {"last_run": {"run_id": "r-1", "state": "running", "started_at": "then"}})
    assert "last run: r-1, running, started then" in capsys.readouterr().out
