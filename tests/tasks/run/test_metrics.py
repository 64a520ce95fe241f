import socket
import time
import urllib.request
from pathlib import Path

import pytest

from tasks.run import metrics
from tasks.run.job import Outcome
from tests.support import archive, start


class Kept:
    """Stands in for a metric: what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[float, dict[str, str] | None]] = []

    def inc(self, amount: float, labels: dict[str, str]) -> None:
        self.told.append((amount, labels))

    def set(self, value: float) -> None:
        self.told.append((value, None))


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, Kept]:
    """name -> what was counted, as inside Ray."""
    found: dict[str, Kept] = {}
    monkeypatch.setattr(metrics.ray, "is_initialized", lambda: True)
    monkeypatch.setattr(metrics, "_counter", lambda name: found.setdefault(name, Kept()))
    monkeypatch.setattr(metrics, "_gauge", lambda name: found.setdefault(name, Kept()))
    return found


def test_outside_ray_nothing_is_counted() -> None:
    metrics.count("lacuna_items", status="ok")
    metrics.gauge("lacuna_items_left", 3)


def test_an_item_counts_once_with_its_steps(kept: dict[str, Kept]) -> None:
    row = {
        "status": "ok",
        "error": None,
        "load_s": 0.5,
        "fill_s": 2.0,
        "correct_s": 0.0,
        "measure_s": None,
        "save_s": 1.0,
    }
    metrics.count_item(Outcome(row, ({}, {}), 1.5))
    assert kept["lacuna_items"].told == [(1.0, {"status": "ok"})]
    assert kept["lacuna_megapixels"].told == [(1.5, {})]
    assert kept["lacuna_holes"].told == [(2, {})]
    steps = [(0.5, {"step": "load"}), (2.0, {"step": "fill"}), (1.0, {"step": "save"})]
    assert kept["lacuna_step_seconds"].told == steps
    assert "lacuna_failures" not in kept


def test_a_failure_is_counted_by_its_type(kept: dict[str, Kept]) -> None:
    metrics.count_item(Outcome({"status": "failed", "error": "MaskMissing"}))
    assert kept["lacuna_items"].told == [(1.0, {"status": "failed"})]
    assert kept["lacuna_failures"].told == [(1.0, {"error": "MaskMissing"})]
    assert "lacuna_megapixels" not in kept


def test_what_is_left_of_a_run(kept: dict[str, Kept]) -> None:
    with metrics.RunMeter(10, 2) as meter:
        meter.finished(3)
        meter.committed()
        meter.finished(12)  # items that were done again after a death
    assert [value for value, _ in kept["lacuna_items_left"].told] == [10, 7, 0, 0]
    assert [value for value, _ in kept["lacuna_shards_left"].told] == [2, 1, 0]
    assert kept["lacuna_shards_committed"].told == [(1.0, {})]


# what a run exports, each with a part of the line that it is told by
EXPORTED = {
    "items_total": 'status="ok"',
    "generator_busy_seconds_total": 'device="',
    "step_seconds_total": 'step="fill"',
    "items_left": "",
}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_prometheus_reads_a_run(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.prometheus", reason="Ray exports metrics with ray[default] only")
    made = archive(str(tmp_path), 160)  # far from done when the first numbers come
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ("restore", made.images, made.masks, "--out", str(tmp_path / "sink"), "--recipe", "fast")
    wide = ("--set", "runtime.actors=1", "--set", "runtime.shard_items=4")
    process = start(*command, *wide, LACUNA_METRICS_PORT=str(port), RAY_metrics_report_interval_ms="1000")
    found: dict[str, list[float]] = {}
    try:
        while process.poll() is None and not all(found.get(name) for name in EXPORTED):
            time.sleep(1.0)
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                    read = answer.read().decode().splitlines()
            except OSError:
                continue  # not there yet, or not any more
            for name, part in EXPORTED.items():
                lines = [line for line in read if line.startswith(f"ray_lacuna_{name}{{") and part in line]
                found[name] = [float(line.rpartition(" ")[2]) for line in lines]
    finally:
        process.terminate()
        _, said = process.communicate()
    assert all(found.get(name) for name in EXPORTED), f"{found}\n{said[-2000:]}"
    assert all(0 <= left <= 160 for left in found["items_left"])
    assert all(value > 0 for value in found["items_total"] + found["step_seconds_total"])
