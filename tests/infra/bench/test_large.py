import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support import photo

BENCH = Path(__file__).parents[3] / "infra" / "bench"


@pytest.fixture(autouse=True)
def bench_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))


def test_methods_are_recipes_passes_and_lists_of_passes() -> None:
    import large

    from flows.settings import compose

    assert large.method_of("balanced").fill == compose("balanced").fill
    assert large.method_of("whole").fill.passes == ("whole",)
    assert large.method_of("whole+regions").fill.passes == ("whole", "regions")
    assert large.method_of("regions").correct.steps == ()
    with pytest.raises(ValueError, match=r"nonsense: neither a recipe \(.*balanced.*\) nor a pass \(.*regions"):
        large.method_of("nonsense")


def test_tiles_lie_in_the_picture_and_on_the_hole() -> None:
    import large

    mask = np.zeros((2000, 3000), bool)
    mask[300:1900, 400:2800] = True
    tiles = large.tiles(mask)
    assert len(tiles) == large.TILES
    assert all(mask[tile].shape == (large.TILE_PX, large.TILE_PX) and mask[tile].any() for tile in tiles)
    assert large.tiles(np.zeros((600, 600), bool)) == []


def test_no_method_sees_the_truth_and_what_is_measured_is_the_hole() -> None:
    import large
    from large_cases import Case

    truth = photo(200, 240, 1)
    mask = np.zeros((200, 240), bool)
    mask[60:100, 80:150] = True

    class Spy:
        def fill(self, crops, masks):
            for crop, hole in zip(crops, masks, strict=True):
                assert np.abs(crop[hole] - large.ERASED / 255).max() < 1e-6
            return [np.zeros_like(crop) for crop in crops]

    case = Case("a.jpg", "thick", truth, mask)
    filled = large.fill_case(case, large.method_of("regions"), Spy())
    assert (filled.pixels[~mask] == truth[~mask]).all()
    assert (filled.pixels[mask] == 0).all()
    assert (case.truth == photo(200, 240, 1)).all()
    found = large.measured(case, filled, lambda a, b: float(np.abs(a - b).mean()))
    mse = (truth[mask].astype(float) ** 2).mean() / 255**2
    assert found["psnr"] == pytest.approx(-10 * np.log10(mse))
    assert found["sharpness"] < 0.5 < found["sharpness_truth"]


def test_the_bench_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import large

    class Encoder:
        def __init__(self, weights: Path) -> None:
            assert weights.name == "encoder"

        def __call__(self, a, b):
            return float(np.abs(a - b).mean())

    monkeypatch.setattr("tasks.judge.feature.FeatureDistance", Encoder)
    (tmp_path / "photos").mkdir()
    for name in "ab":
        assert cv2.imwrite(str(tmp_path / "photos" / f"{name}.jpg"), photo(300, 320, ord(name)))
    arguments = [str(tmp_path / "photos"), "--encoder", "encoder", "--out", str(tmp_path / "out"), "--max-side", "288"]
    arguments += ["--min-mp", "0.05", "--masks", "thick", "--threads", "1", "--sheet", str(tmp_path / "sheet.png")]

    def run(*more: str) -> dict:
        monkeypatch.setattr(sys, "argv", ["large.py", *arguments, *more])
        with pytest.raises(SystemExit):
            large.main()
        out, err = capsys.readouterr()
        return json.loads(out.splitlines()[-1]) | {"err": err}

    first = run("--methods", "regions", "--count", "1")
    assert (first["photos"], first["cases"], first["ok"]) == (1, 1, True)
    rows = (tmp_path / "out" / "rows.jsonl").read_text()
    assert len(rows.splitlines()) == 2
    second = run("--methods", "regions", "--count", "2")
    after = (tmp_path / "out" / "rows.jsonl").read_text()
    assert after.startswith(rows)
    assert len(after.splitlines()) == 4
    assert "was done" in second["err"]
    assert second["methods"]["regions"]["thick"]["generator_mp"] > 0
    assert (tmp_path / "sheet.png").stat().st_size > 1000
