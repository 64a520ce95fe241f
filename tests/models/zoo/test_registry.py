from __future__ import annotations

from typing import get_args

import pytest
import torch

from models import load_inpainter
from models.lama import Lama, LamaConfig
from models.weights import WeightsInvalid, WeightsNotFound, save_weights
from models.zoo.registry import METHODS, check_options, find_method, load_filler, training_of
from models.zoo.settings import ZooSettings
from models.zoo.weights import save_zoo_weights


@pytest.mark.parametrize("name", METHODS)
def test_every_place_in_the_registry_is_there(name):
    method = METHODS[name]
    assert find_method(name) == name
    assert all(key.isidentifier() for key in method.option_names())
    check_options(name, {})
    with pytest.raises(ValueError, match=f"{name}: option nonsense"):
        check_options(name, {"nonsense": 1})
    if method.needs_weights:
        settings = training_of(name)
        assert issubclass(settings, ZooSettings) and get_args(settings.model_fields["method"].annotation) == (name,)
        with pytest.raises(WeightsNotFound, match=f"method: {name}.*put them at"):
            load_inpainter(name)
    else:
        assert load_filler(name, "cpu").info.name == name
        with pytest.raises(ValueError, match="lama, partial-conv"):
            training_of(name)


def test_a_file_says_of_which_method_it_is(home):
    save_zoo_weights(home / "partial-conv.safetensors", "edge-connect", {}, {"a": torch.zeros(1)}, {})
    with pytest.raises(WeightsInvalid, match="of edge-connect, not of partial-conv"):
        load_inpainter("partial-conv")
    save_zoo_weights(home / "odd.safetensors", "unheard-of", {}, {"a": torch.zeros(1)}, {})
    assert find_method("odd") == "unheard-of"
    with pytest.raises(WeightsInvalid, match="unheard-of"):
        load_inpainter("odd")
    with pytest.raises(WeightsNotFound, match="unheard-of"):
        check_options("unheard-of", {})


def test_generators_stay_what_they_are(home):
    assert find_method("lama-small") is None and find_method("nosuch") is None
    config = LamaConfig(ngf=2, n_blocks=1)
    save_weights(home / "small.safetensors", config, Lama(config).state_dict(), {})
    assert load_inpainter("small", "cpu").engine.info.name == "small"
    with pytest.raises(ValueError, match="no options"):
        load_inpainter("small", "cpu", max_iterations=3)
    with pytest.raises(WeightsNotFound, match="nosuch"):
        load_inpainter("nosuch")
    with pytest.raises(WeightsNotFound, match="no method"):
        load_filler("nosuch")


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"no device|device must be"):
        load_inpainter("dip", "cuda:99")
