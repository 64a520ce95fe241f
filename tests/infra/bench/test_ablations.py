from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.models.zoo.narrow import narrow_encoder, smooth_photos

BENCH = Path(__file__).parents[3] / "infra" / "bench"
SMALL = """
base:
  network: {ngf: 4, n_downsampling: 2, n_blocks: 1}
  data: {crop_px: 48, masks: {boxes: 1, strokes: 1}}
  loss: {l1_hole: 4, l1_known: 1, hrf: 0}
  adversarial: {discriminator: {kind: small, ndf: 4, n_layers: 2}}
  steps: 2
  batch: 1
  precision: fp32
  device: cpu
  threads: 1
  export_name: generator
ablations:
  lama: {}
  boxes: {data: {masks: {boxes: 1}}}
"""


@pytest.fixture
def ablations(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    import ablations

    return ablations


def test_changes_are_merged_key_by_key_but_masks_are_replaced(ablations: Any) -> None:
    base = {"a": {"b": 1, "c": 2}, "masks": {"boxes": 1, "strokes": 1}, "steps": 3}
    found = ablations.merged(base, {"a": {"c": 5}, "masks": {"boxes": 1}})
    assert found == {"a": {"b": 1, "c": 5}, "masks": {"boxes": 1}, "steps": 3}
    assert base["a"] == {"b": 1, "c": 2}


def test_each_ablation_changes_one_thing(ablations: Any) -> None:
    found = ablations.read_ablations(BENCH / "ablations.yaml", "photos", Path("encoder"))
    first = found["lama"].model_dump()
    for name, settings in found.items():
        changed = {key for key, value in settings.model_dump().items() if value != first[key]}
        assert len(changed) == (name != "lama"), name
    assert found["regular"].network.blocks == "regular" and found["spectral"].network.spectral == ("l2g", "g2g")
    assert found["wasserstein"].adversarial.kind == "wasserstein" and set(found["boxes"].data.masks) == {"boxes"}
    assert {settings.steps for settings in found.values()} == {first["steps"]}


def test_held_out_crops_are_the_same_each_time(ablations: Any, tmp_path: Path) -> None:
    settings = ablations.read_ablations(BENCH / "ablations.yaml", "photos", Path("encoder"))["lama"]
    photos = ablations.Photos(smooth_photos(tmp_path / "photos"))
    one, two = (ablations.held_out(photos, settings.data, 3) for _ in range(2))
    assert [case.kind for case in one] == ["boxes"] * 3 + ["strokes"] * 3
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.truth, b.truth) and np.array_equal(a.mask, b.mask)
        assert 0.1 <= a.mask.mean() <= 0.5 and np.array_equal(a.telea.shape, a.truth.shape)


def test_the_truth_is_best_and_the_table_says_so(ablations: Any, tmp_path: Path) -> None:
    encoder = ablations.feature_network(
        ablations.read_ablations(BENCH / "ablations.yaml", "photos", narrow_encoder(tmp_path / "encoder.safetensors"))[
            "lama"
        ].loss.encoder
    )
    settings = ablations.DataSettings(photos="photos", crop_px=48)
    cases = ablations.held_out(ablations.Photos(smooth_photos(tmp_path / "photos")), settings, 2)
    fills = {"telea": [case.telea for case in cases], "truth": [case.truth for case in cases]}
    found = {name: ablations.scores(cases, each, encoder) for name, each in fills.items()}
    assert found["truth"]["features"].max() < 1e-6 and found["truth"]["l1"].max() == 0
    hole = cases[0].mask
    assert found["telea"]["l1"][0] == pytest.approx(np.abs(cases[0].telea - cases[0].truth)[hole].mean())
    shown = ablations.table(found, [case.kind for case in cases], {"truth": "no parameters"})
    assert shown.count("**boxes**, 2 crops") == shown.count("**strokes**, 2 crops") == 1
    rows = [line for line in shown.splitlines() if line.startswith("| truth")]
    assert len(rows) == 2 and all("-" in row.split("|")[3] and "no parameters" in row for row in rows)
    ablations.write_sheet(tmp_path / "sheet.png", cases, fills)
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (2 * 4 * 49, 2 * 4 * 49, 3)


@pytest.mark.filterwarnings("ignore:pyarrow")
def test_trainings_go_on_and_are_not_done_twice(
    ablations: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = torch.get_num_threads()
    (tmp_path / "small.yaml").write_text(SMALL)
    photos, encoder = smooth_photos(tmp_path / "photos"), narrow_encoder(tmp_path / "encoder.safetensors")
    monkeypatch.setattr("os.nice", lambda by: 0)

    def run(*more: str) -> str:
        arguments = [str(photos), str(photos), "--encoder", str(encoder), "--out", str(tmp_path / "out")]
        arguments += ["--config", str(tmp_path / "small.yaml"), "--crops", "2", *more]
        monkeypatch.setattr("sys.argv", ["ablations.py", *arguments])
        ablations.main()
        return capsys.readouterr().err

    assert run("--only", "boxes") == "boxes: 0 of 2 steps\n"
    assert run() == "lama: 0 of 2 steps\n"
    table = (tmp_path / "out" / "ablations.md").read_text("utf-8")
    assert run() == "" and (tmp_path / "out" / "ablations.md").read_text("utf-8") == table
    assert [table.count(f"| {name} |") for name in ("lama", "boxes", "telea")] == [2, 2, 2]
    with pytest.raises(SystemExit):
        run("--only", "other")
    torch.set_num_threads(before)
