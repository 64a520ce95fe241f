import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

ROOT = Path(__file__).parents[3]
BENCH = ROOT / "infra" / "bench"


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)


def bench(*arguments: str, expect: int = 0) -> dict[str, Any]:
    done = python(str(BENCH / "run.py"), *arguments, "--json")
    assert done.returncode == expect, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_archive_is_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    from photos import make_archive

    made = [sorted(path for folder in make_archive(tmp_path / name, 8) for path in folder.iterdir()) for name in "ab"]
    assert [path.read_bytes() for path in made[0]] == [path.read_bytes() for path in made[1]]
    assert len({path.read_bytes() for path in made[0]}) == 16
    for image in (tmp_path / "a" / "images").iterdir():
        mask = cv2.imread(str(tmp_path / "a" / "masks" / f"{image.stem}.png"), cv2.IMREAD_UNCHANGED)
        pixels = cv2.imread(str(image), cv2.IMREAD_UNCHANGED)
        assert mask is not None and pixels is not None
        assert mask.shape == pixels.shape[:2] and 0.25e6 < mask.size < 0.35e6
        assert 0.001 < (mask > 0).mean() < 0.2


def test_the_driver_prepares_a_run_without_torch(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").touch()
    program = """
import sys
import flows.restore
from flows.settings import compose
from tasks.run.prepare import prepare
from tasks.store.objects import Store

s = compose()
root, options = sys.argv[1], {"on_change": "refuse", "retry": (), "limit": None, "restorers": 1}
prepare(root + "/images", None, Store(root + "/sink"), source=s.source, items=s.of_items(), runtime=s.runtime, **options)
print("torch" in sys.modules)
"""
    done = python("-c", program, str(tmp_path))
    assert done.stdout == "False\n", done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_a_run_costs_is_measured_and_a_missed_target_is_an_exit_code() -> None:
    found = bench("overhead", "--images", "3", "--target", "0", expect=1)
    assert not found["ok"] and found["ratio"] > 0 and found["ratio_side_by_side"] > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_memory_of_every_kind_of_process_is_measured() -> None:
    found = bench("memory", "--images", "40", "--target", "10")
    for runs in ("few_mib", "many_mib"):
        assert found[runs].keys() == {"driver", "ledger", "restorer"}
        assert all(peak > 20 for peak in found[runs].values())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_moments_of_a_start_are_in_order() -> None:
    found = bench("startup", "--images", "2", "--repeats", "1", "--target", "300")
    for case in ("fresh", "again"):
        moments = list(found[case]["moments_s"].values())
        assert len(moments) == 9 and moments == sorted(moments)


def test_two_restorers_of_one_thread_have_to_be_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    from run import compared

    rates = {(1, 1): [1.0, 2.0], (1, 2): [3.0, 3.5], (2, 1): [3.6, 3.0], (2, 2): [9.0]}
    found = compared(rates)
    assert found["ratio"] == {"2 x 1 to 1 x 1": 1.8, "2 x 1 to 1 x 2": 1.029}
    assert found["ok"]
    assert not compared({**rates, (1, 1): [2.2]})["ok"]
    assert not compared({**rates, (1, 2): [3.9]})["ok"]
