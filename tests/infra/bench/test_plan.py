import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


def plan(*arguments: str, expect: int = 0) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "infra" / "bench" / "plan.py"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == expect, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_tree_is_planned_within_limits() -> None:
    found = plan("--files", "2500")
    assert found["items"] == 1250 and found["shards"] == 5 and found["ok"]
    assert not plan("--files", "20", "--max-mib", "1", expect=1)["ok"]


def test_a_night_with_the_index_does_the_same_and_reads_no_shard() -> None:
    found = plan("--committed", "400", "--new", "30", "--shard-items", "5")
    with_index, without = found["with_index"], found["without"]
    assert with_index["to_do"] == without["to_do"] == 30
    assert (with_index["shards_read"], without["shards_read"]) == (0, 80)
    assert found["making_it"]["mib"] >= 0
