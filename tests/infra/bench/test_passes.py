import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tasks.fill.settings import FillSettings

ROOT = Path(__file__).parents[3]
BENCH = ROOT / "infra" / "bench"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCH))
    import passes

    return passes


class Grey:
    """Fills with one value; remembers shapes."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def fill(self, crops: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.shapes += [mask.shape for mask in masks]
        return [np.full_like(crop, 0.2) for crop in crops]


def test_both_sides_fill_the_mask_and_nothing_else(bench: ModuleType) -> None:
    image, mask = bench.photograph(300, 500), bench.specks(300, 500, 12)
    for filled in (bench.by_regions(image, mask, Grey(), FillSettings()), bench.by_components(image, mask, Grey())):
        assert (filled[~mask] == image[~mask]).all()
        assert (filled[mask] == 51).all()


def test_the_other_side_crops_each_component_with_128_px(bench: ModuleType) -> None:
    mask = np.zeros((900, 1000), bool)
    mask[400:420, 500:510] = mask[0:4, 0:4] = True
    grey = Grey()
    bench.by_components(np.zeros((900, 1000, 3), np.uint8), mask, grey)
    assert sorted(grey.shapes) == [(4 + 256, 4 + 256), (20 + 256, 10 + 256)]


def test_what_is_pushed_through_the_generator_is_counted_with_its_padding(bench: ModuleType) -> None:
    counted = bench.Counted(Grey())
    counted.fill([np.zeros((9, 17, 3), np.float32)] * 2, [np.zeros((9, 17), bool)] * 2)
    assert (counted.forwards, counted.megapixels) == (2, 2 * 16 * 24 / 1e6)


@pytest.mark.parametrize("size", range(40, 401, 24))
def test_a_single_hole_never_costs_more(bench: ModuleType, size: int) -> None:
    image = np.zeros((1200, 1400, 3), np.uint8)
    found = bench.compared(image, bench.square(1200, 1400, size), Grey(), FillSettings(), 1)
    assert found["megapixels_ratio"] <= 1
    assert found["regions"]["forwards"] == found["components"]["forwards"] == 1


def test_specks_cost_less_than_a_fifth(bench: ModuleType) -> None:
    image, mask = np.zeros((1500, 2000, 3), np.uint8), bench.specks(1500, 2000, 125)
    found = bench.compared(image, mask, Grey(), FillSettings(), 1)
    assert found["megapixels_ratio"] <= 0.15
    assert found["regions"]["forwards"] <= 0.65 * found["components"]["forwards"]


@pytest.mark.slow
def test_a_missed_target_is_an_exit_code() -> None:
    small = ["--specks", "3", "--width", "500", "--height", "400", "--sizes", "40", "--repeats", "1"]
    command = [sys.executable, str(BENCH / "passes.py"), *small, "--target", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert not found["ok"] and found["specks"]["components"]["forwards"] == 3
