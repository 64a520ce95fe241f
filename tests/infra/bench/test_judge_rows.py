from pathlib import Path

import numpy as np
import pytest

from tasks.fill.holes import Hole
from tasks.judge.candidate import parsed
from tests.tasks.judge.conftest import MeanGenerator, tiles

BENCH = Path(__file__).parents[3] / "infra" / "bench"


@pytest.fixture(autouse=True)
def bench_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a - b) ** 2).mean())


def test_a_row_for_each_hole_with_clues_errors_and_evidence_of_each_fill() -> None:
    import judge_rows

    found = list(
        judge_rows.of_photo(tiles(160, 200), 3, [parsed("none"), parsed("seam")], MeanGenerator(), _distance, 1)
    )
    assert found
    for hole in found:
        first, *others = hole["candidates"]
        assert (first["candidate"], first["change"]) == ("regions + seam", 0)
        assert [each["candidate"] for each in others] == ["regions"]
        assert all(each["feature"] > 0 and 0 < each["rmse"] < 1 for each in (first, *others))
        assert "depth_px" in first["clues"]
    assert any(hole["candidates"][0]["evidence"] for hole in found)


def test_errors_are_those_of_the_hole_alone() -> None:
    import judge_rows

    truth = tiles(80, 90) / np.float32(255)
    hole = Hole(30, 20, 10, 12, np.ones((12, 10), bool))
    exact = judge_rows.errors(truth[hole.box][hole.own], truth, hole, _distance)
    assert exact == {"rmse": 0, "feature": 0}
    off = judge_rows.errors(truth[hole.box][hole.own] + 0.1, truth, hole, _distance)
    assert off["rmse"] == pytest.approx(0.1, rel=1e-4)
    assert off["feature"] == pytest.approx(0.01, rel=1e-4)  # per pixel of the hole, not of what is around it
