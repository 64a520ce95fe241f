from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.training.photos import Photos
from models.zoo.cases import composites, crop_cases, dice, measure_crops, write_crop_sheet
from models.zoo.settings import ZooData


@pytest.fixture
def data(photos) -> ZooData:
    return ZooData(photos=str(photos), crop_px=32, held_out_masks=("strokes", "boxes"), held_out_count=2)


def test_cases_are_the_same_each_time(photos, data):
    first, again = (crop_cases(Photos(str(photos)), data) for _ in range(2))
    assert [case.kind for case in first] == ["strokes", "strokes", "boxes", "boxes"]
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one.truth, two.truth) and np.array_equal(one.mask, two.mask)
        assert one.truth.shape == (32, 32, 3) and 0 < one.mask.mean() <= 0.6
        known = one.truth[~one.mask].mean(0)
        assert np.allclose(one.mean[one.mask], known, atol=1e-6)
        for fill in (one.telea, one.navier_stokes, one.mean):
            assert np.abs(fill - one.truth)[~one.mask].max() <= 1 / 255


def test_measures_are_of_the_hole(photos, data):
    cases = crop_cases(Photos(str(photos)), data)
    made = [np.full_like(case.truth, 0.5) for case in cases]
    found = measure_crops(cases, made)
    for kind in ("strokes", "boxes"):
        mine = [case for case in cases if case.kind == kind]
        errors = [((0.5 - case.truth[case.mask]) ** 2).mean() for case in mine]
        assert found[f"{kind}_mse"] == pytest.approx(np.mean(errors), rel=1e-5)
        overlap = [dice(np.full_like(case.truth[case.mask], 0.5), case.truth[case.mask]) for case in mine]
        assert found[f"{kind}_dice"] == pytest.approx(np.mean(overlap))
        means = [((case.mean - case.truth)[case.mask] ** 2).mean() for case in mine]
        assert found[f"{kind}_mse_mean_fill"] == pytest.approx(np.mean(means), rel=1e-5)
    perfect = measure_crops(cases, [case.truth for case in cases])
    assert (perfect["strokes_mse"], perfect["strokes_dice"]) == (0, 1)


def test_dice_by_hand():
    a, b = np.array([0.2, 0.6, 0.0], np.float32), np.array([0.4, 0.4, 0.0], np.float32)
    assert dice(a, b) == pytest.approx(2 * 0.6 / 1.6)
    assert dice(a, a) == 1 == dice(0 * a, 0 * a)


def test_the_sheet_shows_small_crops_larger(photos, data, tmp_path):
    cases = crop_cases(Photos(str(photos)), data)
    made = [case.mean for case in cases]
    write_crop_sheet(tmp_path / "sheet.png", cases, made)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1]
    assert sheet.shape == (4 * 256, 4 * 256, 3)
    shown = sheet[:256, 512:768][4::8, 4::8] / 255
    assert np.abs(shown - composites(cases, made)[0]).max() < 0.01
