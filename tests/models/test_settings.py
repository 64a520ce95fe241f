from __future__ import annotations

import pytest
from pydantic import ValidationError

from models.settings import ModelSettings


def test_defaults():
    settings = ModelSettings()
    assert (settings.name, settings.precision, settings.batch_mp) == ("lama-small", "auto", "auto")
    assert ModelSettings(batch_mp=0).batch_mp == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"nam": "x"},
        {"name": ""},
        {"precision": "fp16"},
        {"batch_mp": -1},
        {"batch_mp": "x"},
        {"batch_mp": float("nan")},
    ],
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(ValidationError):
        ModelSettings(**wrong)


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        ModelSettings().name = "x"
