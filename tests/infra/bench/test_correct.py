import math
from pathlib import Path

import numpy as np
import pytest

from tasks.correct.corrections import CORRECTIONS

BENCH = Path(__file__).parents[3] / "infra" / "bench"


@pytest.fixture(autouse=True)
def bench_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))


def test_the_scene_is_the_same_each_time_and_blurred_in_the_hole() -> None:
    import correct

    window = correct.scene(80, 20)
    assert window.own.sum() == 400
    assert (window.known == ~window.own).all()
    assert (window.fill == correct.scene(80, 20).fill).all()
    rough = np.abs(np.diff(window.shown, axis=1)).mean(axis=2)
    assert rough[34:46, 34:46].mean() < 0.5 * rough[:20].mean()


def test_growth_is_measured_against_n_log_n() -> None:
    import correct

    sides = [100, 200, 400]
    exact = [3e-6 * n * n * math.log(n * n) for n in sides]
    assert correct.growth(sides, exact) == pytest.approx(1)
    squared = [1e-9 * n**4 for n in sides]
    assert correct.growth(sides, squared) > correct.MOST


def test_every_correction_and_the_search_can_be_timed() -> None:
    import correct

    assert all(correct.per_megapixel(name, 24) > 0 for name in CORRECTIONS)
    assert correct.searched(120, times=1) > 0
