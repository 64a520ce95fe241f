import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def simulate(arguments: str) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "infra" / "bench" / "simulate.py"), *arguments.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_seed_repeats_itself() -> None:
    assert simulate("--items 3000") == simulate("--items 3000") != simulate("--items 3000 --seed 1")


def test_one_restorer_takes_the_sum_of_what_each_thing_takes() -> None:
    """Of items that cost nothing, without waiting: 4 shards of 250 at 11 ms, 1,000 items at 2 ms, 4 commits of 4 requests."""
    options = "--items 1000 --item-s 0 --driver-ms 11 --ledger-ms 2 --request-s 0.5 --actors 1"
    (run,) = simulate(options)["runs"]
    assert run["items_per_s"] == pytest.approx(1000 / (4 * 0.011 + 1000 * 0.002 + 4 * 4 * 0.5), rel=1e-3)
    assert run["results_and_holes_files"] == 8
    assert run["puts"] == 3 * 1000 + 2 * 4


def test_no_number_of_restorers_gets_past_the_ledger() -> None:
    options = "--items 40000 --item-s 0 --ledger-ms 2 --actors 10 400"
    few, many = simulate(options)["runs"]
    for run in (few, many):
        assert run["items_per_s"] <= 500 and run["bottleneck"] == "ledger"
    assert many["items_per_s"] == pytest.approx(500, rel=0.05)


def test_slow_items_keep_the_restorers_busy() -> None:
    (run,) = simulate("--items 50000 --item-s 1 --actors 50")["runs"]
    assert run["bottleneck"] == "restorers" and 1 < run["over_ideal"] < 1.5


def test_a_year_of_nights() -> None:
    found = simulate("--items 100000 --nights 365 --new 1000 --actors 1")
    first, last = found["of_nights"]
    assert found["results_and_holes_files"] == 2 * (400 + 365 * 4) and found["plan_files"] == 365
    assert first["without"]["gets"] == 400 and first["with_index"]["gets"] == 1
    assert last["with_index"]["gets"] < 0.1 * last["without"]["gets"]
    assert found["dollars_of_planning"]["with_index"] < found["dollars_of_planning"]["without"]
    assert 1 < found["index_made_anew"] < 365
