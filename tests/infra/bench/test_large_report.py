import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

BENCH = Path(__file__).parents[3] / "infra" / "bench"


@pytest.fixture(autouse=True)
def bench_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))


def row(case: int, method: str, feature: float, psnr: float = 20, sharpness: float = 1, kind: str = "thick") -> Any:
    numbers = {"seconds": 1.0, "cpu_s": 1.0, "generator_mp": 0.2, "sharpness_truth": 1.0}
    found = {"case": f"c{case}", "kind": kind, "method": method, "code": "x", **numbers}
    return found | {"feature": feature, "psnr": psnr, "sharpness": sharpness}


def test_targets_are_of_the_methods_that_were_run() -> None:
    import large_report

    whole = [row(n, "whole", 1.0, sharpness=0.4) for n in range(3)]
    assert large_report.targets(whole) == []
    good = [row(n, "balanced", 0.85, psnr=19.9, sharpness=0.9) for n in range(3)]
    assert large_report.targets(whole + good) == []
    soft = [row(n, "balanced", 0.85, sharpness=0.5) for n in range(3)]
    assert [m.split()[1] for m in large_report.targets(whole + soft)] == ["sharpness"]
    bad = [row(n, "balanced", 0.95, psnr=19, sharpness=2.0) for n in range(3)]
    assert [m.split()[1] for m in large_report.targets(whole + bad)] == ["feature", "PSNR", "sharpness"]
    one, other = [row(0, "multiscale", 0.5)], [row(0, "refine", 0.6)]
    assert len(large_report.targets(one + other)) == 1
    assert large_report.targets([*one, row(0, "refine", 0.5)]) == []


def test_where_whole_is_sharp_nothing_is_asked_of_sharpness() -> None:
    import large_report

    rows = [row(0, "whole", 1.0, sharpness=0.9), row(0, "balanced", 0.8, sharpness=3.0)]
    assert large_report.targets(rows) == []
    assert math.isnan(large_report.against(rows, "balanced", "whole")["sharpness"])


def test_only_cases_of_both_are_compared() -> None:
    import large_report

    rows = [row(0, "whole", 1.0), row(1, "whole", 9.0), row(0, "balanced", 0.5)]
    assert large_report.against(rows, "balanced", "whole")["feature_ratio"] == pytest.approx(0.5)
    found = large_report.summary([*rows, row(2, "whole", 5.0, kind="medium")])
    assert found["methods"]["whole"]["all"]["feature"] == 5
    assert found["methods"]["whole"]["thick"]["feature"] == 5
    assert set(found["methods"]["whole"]) == {"all", "thick", "medium"}


@pytest.mark.parametrize("shape", [(200, 900), (700, 330)])
def test_the_window_shows_the_hole_and_its_surroundings(shape: tuple[int, int]) -> None:
    from large_report import SHOWN_PX, window_of

    mask = np.zeros(shape, bool)
    mask[120:180, 200:290] = True
    box = window_of(mask).box
    assert mask[box].shape == tuple(min(SHOWN_PX, side) for side in shape)
    assert mask[box].any()
    assert not mask[box].all()


def test_the_sheet_has_a_row_for_each_case_and_a_white_card_for_what_is_missing(tmp_path: Path) -> None:
    from large_report import SHOWN_PX, window_of, write_sheet

    truth = np.full((400, 500, 3), (255, 0, 0), np.uint8)
    mask = np.zeros((400, 500), bool)
    mask[100:200, 100:300] = True
    for case in ("a", "b"):
        window_of(mask).save(tmp_path, case, truth, mask)
    window_of(mask).save_fill(tmp_path, "a", "whole", truth)
    write_sheet(tmp_path / "sheet.png", tmp_path, ["a", "b"], ["whole"])
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    step = SHOWN_PX + 4
    assert sheet.shape == (24 + 2 * step, 4 * step, 3)
    cells = [[sheet[24 + r * step + 4, c * step + 4].tolist() for c in range(4)] for r in range(2)]
    red, white = [0, 0, 255], [255, 255, 255]
    assert [line[2:] for line in cells] == [[red, red], [white, red]]
