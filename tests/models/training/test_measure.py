from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from models.training.features import feature_network
from models.training.loss_settings import EncoderSettings
from models.training.measure import fill_cases, main, make_cases, measure, write_sheet
from models.training.photos import Photos
from models.weights import save_weights


@pytest.fixture
def cases(photos):
    return make_cases(Photos(photos), 2)


def test_cases_are_seeded_and_wide(photos, cases):
    again = make_cases(Photos(photos), 2)
    assert len(cases) == 2
    for one, two in zip(cases, again, strict=True):
        assert np.array_equal(one.mask, two.mask) and 0.18 <= one.mask.mean() <= 0.5
        for fill in (one.telea, one.navier_stokes):
            assert np.array_equal(fill[~one.mask], one.truth[~one.mask])
        assert not np.array_equal(one.telea, one.navier_stokes)


def test_each_kind_is_measured_by_itself(photos):
    cases = make_cases(Photos(photos), 2, ("medium", "scratches"))
    assert [case.kind for case in cases] == ["medium", "medium", "scratches", "scratches"]
    assert cases[2].mask.mean() < 0.18
    fills = [case.truth if case.kind == "scratches" else case.telea for case in cases]
    found = measure(cases, fills, None)
    assert found["medium_psnr"] == found["medium_psnr_telea"] and found["scratches_psnr_gain"] > 20


def test_fills_leave_known_pixels_alone(cases, tiny_weights):
    for case, fill in zip(cases, fill_cases(tiny_weights, cases), strict=True):
        assert np.array_equal(fill[~case.mask], case.truth[~case.mask])
        assert not np.array_equal(fill[case.mask], case.truth[case.mask])


def test_measures_know_good_from_bad(cases, encoder):
    net = feature_network(EncoderSettings(weights=encoder))
    telea = measure(cases, [case.telea for case in cases], net)
    fluid = measure(cases, [case.navier_stokes for case in cases], net)
    assert (
        telea["medium_psnr_telea"] == telea["medium_psnr"] != fluid["medium_psnr"] == telea["medium_psnr_navier_stokes"]
    )
    gains = telea["medium_psnr_gain"], fluid["medium_psnr_gain"]
    assert max(gains) == 0 > min(gains) and telea["medium_feature_ratio"] == 1
    truth = measure(cases, [case.truth for case in cases], net)
    assert truth["medium_psnr_gain"] > 20 and truth["medium_feature_ratio"] == 0
    bad = measure(cases, [1 - case.truth for case in cases], None)
    assert bad["medium_psnr_gain"] < 0 and "medium_feature" not in bad


def test_the_sheet_shows_four_pictures_a_row(tmp_path, cases):
    write_sheet(tmp_path / "s.png", cases, [case.telea for case in cases])
    sheet = cv2.imread(str(tmp_path / "s.png"))
    assert sheet.shape == (2 * 256, 4 * 256, 3)


def test_the_command_prints_json(tmp_path, photos, tiny_weights, encoder, capsys):
    path = tmp_path / "w.safetensors"
    save_weights(path, tiny_weights.config, tiny_weights.tensors, {})
    main([str(path), str(photos), "--encoder", str(encoder), "--count", "1", "--sheet", str(tmp_path / "s.png")])
    assert json.loads(capsys.readouterr().out)["scratches_psnr_telea"] > 0
    assert (tmp_path / "s.png").is_file()
