import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_items_that_cost_nothing_go_through_the_real_pool() -> None:
    command = [sys.executable, str(ROOT / "infra" / "bench" / "scale.py"), "--items", "400", "--restorers", "1"]
    done = subprocess.run([*command, "--target", "1e9"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr  # nobody is so fast
    found = json.loads(done.stdout.splitlines()[-1])
    (run,) = found["runs"]
    assert run["items"] == 400 and run["shards"] == 4 and not found["ok"]
    assert run["items_per_s"] > 0 and {"driver", "ledger", "restorers"} <= run["processor_ms_per_item"].keys()
