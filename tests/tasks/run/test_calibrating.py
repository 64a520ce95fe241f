from pathlib import Path

import numpy as np
import pytest

from models.engine import EngineInfo
from tasks.run.calibrating import Calibrated, Calibrator, calibrated
from tasks.run.job import ItemSpec
from tasks.run.settings import ItemSettings, LimitSettings, RuntimeSettings
from tests.support import encoded
from tests.tasks.judge.conftest import MeanGenerator, blob, tiles

SETTINGS = ItemSettings.model_validate(
    {
        "fill": {"passes": ["regions"]},
        "correct": {"steps": ["seam"]},
        "judge": {"mode": "pseudo_holes", "candidates": ["none", "block_matching(kept=2)"], "pseudo_holes": 1},
    }
)


class Generator(MeanGenerator):
    info = EngineInfo("mean", "0" * 64, "cpu", "fp32")

    def for_item(self, item_id: str) -> "Generator":
        return self


def _spec(folder: Path, name: str, mask: np.ndarray) -> ItemSpec:
    image, hole = folder / f"{name}.png", folder / f"{name}_mask.png"
    image.write_bytes(encoded(tiles(120, 160), ".png"))
    hole.write_bytes(encoded(mask.astype(np.uint8) * 255, ".png"))
    return ItemSpec(name, str(image), (str(hole),), None, f"{name}.png", None, "v", "m")


def test_an_item_is_tried_on_its_own_known_pixels(tmp_path: Path) -> None:
    work = Calibrator(SETTINGS, LimitSettings(), Generator())
    done = work.calibrate(_spec(tmp_path, "a", blob((120, 160), 55, 60, 20)))
    assert done.error is None and done.item_id == "a"
    assert {each.candidate for each in done.trials} == {"regions", "regions + block_matching(kept=2)"}
    assert all(np.isfinite(each.ratio) for each in done.trials)
    assert work.calibrate(_spec(tmp_path, "a", blob((120, 160), 55, 60, 20))) == done


def test_what_is_wrong_with_an_item_is_said_and_an_empty_mask_is_nothing(tmp_path: Path) -> None:
    work = Calibrator(SETTINGS, LimitSettings(), Generator())
    assert work.calibrate(_spec(tmp_path, "empty", np.zeros((120, 160), bool))) == Calibrated("empty")
    other = work.calibrate(_spec(tmp_path, "size", np.ones((12, 16), bool)))
    assert other.trials == () and other.error is not None and other.error.startswith("MaskSizeMismatch")
    spec = _spec(tmp_path, "gone", np.zeros((120, 160), bool))
    Path(spec.image).unlink()
    gone = work.calibrate(spec)
    assert gone.error is not None and "gone" in gone.error


@pytest.mark.usefixtures("ray_cluster")
def test_items_come_back_in_their_order_whoever_did_them(tmp_path: Path) -> None:
    empty = np.zeros((120, 160), bool)
    specs = [_spec(tmp_path, name, empty) for name in ("a", "b", "c")]
    specs.insert(1, _spec(tmp_path, "d", blob((120, 160), 55, 60, 16)))
    seen: list[str] = []
    found = calibrated(
        specs, SETTINGS, LimitSettings(), RuntimeSettings(actors=2), lambda done: seen.append(done.item_id)
    )
    assert [each.item_id for each in found] == ["a", "d", "b", "c"]
    assert sorted(seen) == ["a", "b", "c", "d"]
    assert found[1].trials and not found[0].trials
