import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
BENCH = ROOT / "infra" / "bench"


def bench(*arguments: str) -> tuple[int, dict[str, Any], str]:
    command = [sys.executable, "-W", "error", str(BENCH / "engine.py"), "--threads", "1", *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_engine_and_baseline_are_measured_by_turns() -> None:
    code, found, progress = bench(
        *("--model", "lama-small", "--sizes", "32,64", "--batches", "1,2"),
        *("--rounds", "1", "--profile", "--clock", "cpu"),
    )
    assert code == 0 and found["ok"] and found["targets"] == {}
    assert "s left" in progress and found["peak_gflops"].keys() >= {"fp32", "bf16"}
    assert 3.5 < found["sizes"]["64"]["gflop"] / found["sizes"]["32"]["gflop"] < 4.5
    for rows in found["sizes"].values():
        work = rows.pop("gflop")
        assert rows.keys() == {"torchscript fp32 x 1", *(f"engine {p} x {b}" for p in ("fp32", "bf16") for b in (1, 2))}
        assert rows["torchscript fp32 x 1"]["speedup"] == 1
        for name, row in rows.items():
            assert row["gflops"] == pytest.approx(work / row["ms"] * 1e3, rel=0.2, abs=1)
            assert ("profile" in row) == name.endswith("x 1")
            assert sum(row.get("profile", {"all": 1}).values()) == pytest.approx(1, abs=0.01)


def test_flops_are_those_of_the_network_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.delitem(sys.modules, "engine", raising=False)
    import torch
    from engine import gflop

    from models.lama import Lama, LamaConfig

    with torch.device("meta"):
        assert gflop(Lama(), 512) == pytest.approx(440, rel=0.03)
        # 7 × 7 convolutions from 4 to 2 and from 2 to 3 channels, 3 × 3 from 2 to 4 at half the size, and back
        small = Lama(LamaConfig(ngf=2, n_blocks=0, n_downsampling=1, ratio=0))
        assert gflop(small, 64) * 1e9 == pytest.approx(2 * (64**2 * 49 * (8 + 6) + 2 * 32**2 * 9 * 8))


@pytest.mark.parametrize(("speedup", "ok"), [(1.2, True), (1.1, False)])
def test_a_missed_target_is_seen(monkeypatch: pytest.MonkeyPatch, speedup: float, ok: bool) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.delitem(sys.modules, "engine", raising=False)
    import argparse

    from engine import judged

    found = {"sizes": {"512": {"engine fp32 x 1": {"speedup": speedup}, "engine bf16 x 1": {"speedup": 2.0}}}}
    for model, expected in (("big-lama", ok), ("lama-small", True)):
        options = argparse.Namespace(model=model, target_fp32=1.15, target_bf16=1.8)
        assert judged(found, options)["ok"] is expected
