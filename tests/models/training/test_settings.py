from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

import models.training
from models.training.settings import DataSettings, TrainingSettings, read_settings

FOLDER = Path(models.training.__file__).parent if models.training.__file__ else Path("models/training")


@pytest.mark.parametrize("name", ["lama_small.yaml", "lama.yaml"])
def test_the_given_configurations_are_valid(name):
    settings = read_settings(FOLDER / name)
    assert settings.network.n_downsampling == 3


def test_lama_s_configuration_writes_out_the_defaults():
    settings = read_settings(FOLDER / "lama.yaml")
    defaults = TrainingSettings(
        data=settings.data, loss={"hrf_encoder": settings.loss.hrf_encoder.model_dump()}, steps=1
    )
    assert settings.loss == defaults.loss
    written = settings.adversarial.model_dump() | {"discriminator": None, "penalty": None}
    assert written == defaults.adversarial.model_dump() | {"discriminator": None}
    discriminator = settings.adversarial.discriminator
    assert (discriminator.ndf, discriminator.n_layers, settings.adversarial.penalty) == (64, 4, 0.001)


TREE = {"data": {"photos": "p"}, "loss": {"hrf": 0}, "steps": 5}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"rate": 1}, "rate"),
        ({"data": {"photos": "p", "crop_px": 50}}, "crop_px"),
        ({"data": {"photos": "p", "crop_px": 56}, "network": {"n_downsampling": 4}}, "multiple of 16"),
        ({"data": {"photos": "p", "scale_min": 2, "scale_max": 1}}, "scale_min"),
        ({"data": {"photos": "p", "masks": {"holes": 1}}}, "masks"),
        ({"data": {"photos": "p", "masks": {"dust": 0}}}, "above 0"),
        ({"data": {"photos": "p", "masks": {"dust": -1}}}, "masks"),
        ({"multiscale": {"scales": [1, 0.1]}}, "too small"),
        ({"distil": {"teacher": "big-lama", "perceptual": 1}}, "encoder"),
        ({"workers": {"count": 0}}, "workers"),
        ({"steps": 0}, "steps"),
        ({"precision": "fp16"}, "precision"),
        ({"export_name": "../x"}, "export_name"),
    ],
)
def test_mistakes_name_the_key(change, key):
    with pytest.raises(ValidationError, match=key):
        TrainingSettings.model_validate(TREE | change)


def test_a_file_is_read_and_frozen(tmp_path):
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(TREE))
    settings = read_settings(tmp_path / "c.yaml")
    with pytest.raises(ValidationError):
        settings.steps = 3
    with pytest.raises(FileNotFoundError):
        read_settings(tmp_path / "none.yaml")
    assert DataSettings(photos=Path("a/b")).photos == str(Path("a/b"))
