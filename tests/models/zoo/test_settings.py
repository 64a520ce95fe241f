from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from pydantic import ValidationError

import models.zoo
from models.training.settings import TrainingSettings
from models.zoo.partial_conv_training import PartialConvSettings
from models.zoo.settings import ZooData, ZooSettings, read_any_settings, settings_class

LAMA = {"data": {"photos": "here"}, "loss": {"hrf": 0}, "adversarial": None, "steps": 1}


def written(path, tree):
    path.write_text(yaml.safe_dump(tree))
    return path


def test_the_file_says_of_which_method_it_is(tmp_path):
    path = tmp_path / "c.yaml"
    for tree in (LAMA, LAMA | {"method": "lama"}):
        assert isinstance(read_any_settings(written(path, tree)), TrainingSettings)
    settings = read_any_settings(written(path, {"method": "partial-conv", "data": {"photos": "here"}, "steps": 1}))
    assert isinstance(settings, PartialConvSettings) and settings_class(path) is PartialConvSettings
    assert settings.data.crop_px == 32


@pytest.mark.parametrize("method", ["dip", "nosuch"])
def test_a_method_that_cannot_be_trained_is_refused(tmp_path, method):
    with pytest.raises(ValueError, match="cannot be trained; there are lama, partial-conv"):
        read_any_settings(written(tmp_path / "c.yaml", {"method": method}))


def test_what_is_no_mapping_is_refused(tmp_path):
    for tree in ([1], None, "text"):
        with pytest.raises(ValidationError):
            read_any_settings(written(tmp_path / "c.yaml", tree))


def test_settings_without_a_method_have_no_recipe():
    settings = ZooSettings(method="x", data=ZooData(photos="here"), steps=1)
    with pytest.raises(NotImplementedError, match="x cannot be trained"):
        settings.recipe(torch.device("cpu"))
    with pytest.raises(ValidationError):
        ZooData(photos="here", crop_px=12)


def test_the_example_holds_the_published_settings():
    settings = read_any_settings(Path(models.zoo.__file__).with_name("partial_conv.yaml"))
    assert isinstance(settings, PartialConvSettings)
    assert settings.network.widths == (32, 64, 128, 256)
    assert (settings.lr, settings.lr_drop, settings.lr_drop_epochs) == (2e-4, 0.1, 10)
    assert (settings.loss.perceptual, settings.loss.style, settings.loss.tv) == (0.05, 120, 0.1)
