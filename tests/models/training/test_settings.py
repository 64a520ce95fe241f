from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

import models.training
from models.training.settings import read_settings

EXAMPLE = Path(models.training.__file__).parent / "lama_small.yaml"


def test_the_example_is_valid():
    settings = read_settings(EXAMPLE)
    assert settings.network.start == settings.export_name == "lama-small"


@pytest.mark.parametrize(
    "change",
    [
        {"colour": 1},
        {"steps": 0},
        {"network": {"ngf": 0}},
        {"data": {"photos": "x", "crop_px": 100}},
        {"data": {"photos": "x", "scale_min": 2}},
        {"loss": {"perceptual": 1}},
        {"export_name": "../x"},
    ],
)
def test_wrong_values_are_refused(settings, change):
    with pytest.raises(ValidationError):
        settings(**change)
