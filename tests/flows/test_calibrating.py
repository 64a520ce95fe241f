from pathlib import Path

import numpy as np
import pytest

from flows.calibrating import print_calibrated
from flows.settings import compose
from tests.support import encoded, lacuna, write
from tests.tasks.judge.conftest import blob, tiles


def test_what_was_found_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"candidate": "patches", "holes": 7, "ratio": 0.8, "deviation": 0.1, "better": 0.5, "worse": 0.0, "best": 6}
    record = {"table": [row], "candidates": ["patches"], "failed": {"id-b": "Timeout: late"}, "recipe": "r.yaml"}
    print_calibrated(record | {"evidence": ["r.evidence.csv", "r.evidence.png"]})
    said = capsys.readouterr().out
    for part in ("0.800", "best on 6 of 7: patches", "worth trying: patches", "id-b: Timeout: late", "r.evidence.png"):
        assert part in said


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_command_writes_a_recipe_that_the_settings_take(tmp_path: Path) -> None:
    for number in range(2):
        write(f"{tmp_path}/images/{number}.png", encoded(tiles(120, 160, number), ".png"))
        mask = blob((120, 160), 55, 60 + 20 * number, 18).astype(np.uint8) * 255
        write(f"{tmp_path}/masks/{number}.png", encoded(mask, ".png"))
    folders = f"{tmp_path}/images", f"{tmp_path}/masks"
    out = f"{tmp_path}/recipe.yaml"
    sets = ("--set", "runtime.actors=1", "--set", "judge.candidates=[none, patches]", "--set", "judge.pseudo_holes=1")
    record = lacuna("calibrate", *folders, "--out", out, *sets)
    assert record["items"] == 2 and record["pseudo_holes"] == 2
    assert compose(out).judge.candidates == ("patches",) == tuple(record["candidates"])
    assert all(Path(path).stat().st_size for path in record["evidence"])
