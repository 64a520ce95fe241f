from __future__ import annotations

import pytest
import torch
from torch import nn

from models.lama import Lama, LamaConfig
from models.weights import WeightsInvalid, WeightsNotFound, load_weights, save_weights
from models.zoo.weights import load_zoo_weights, read_method, save_zoo_weights


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


@pytest.mark.parametrize("half", [False, True])
def test_what_is_saved_is_loaded(home, half):
    state = network().state_dict()
    save_zoo_weights(home / "mine.safetensors", "partial-conv", {"widths": [4]}, state, {"steps": 3}, half=half)
    loaded = load_zoo_weights("mine")
    assert (loaded.name, loaded.method, loaded.config) == ("mine", "partial-conv", {"widths": [4]})
    assert len(loaded.sha256) == 64 and read_method("mine") == "partial-conv"
    with torch.device("meta"):
        empty = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    filled = loaded.put_into(empty)
    assert not filled.training
    for name, value in filled.state_dict().items():
        assert torch.allclose(value, state[name], atol=1e-3 if half else 0, rtol=0), name


def test_weights_that_do_not_fit_are_refused(home):
    save_zoo_weights(home / "mine.safetensors", "partial-conv", {}, network().state_dict(), {})
    with pytest.raises(WeightsInvalid, match="do not fit"):
        load_zoo_weights("mine").put_into(nn.Conv2d(3, 4, 3))


def test_a_generator_and_a_method_are_not_taken_for_each_other(home):
    config = LamaConfig(ngf=2, n_blocks=1)
    save_weights(home / "small.safetensors", config, Lama(config).state_dict(), {})
    assert read_method("small") is None and read_method("lama-small") is None
    with pytest.raises(WeightsInvalid, match="zoo"):
        load_zoo_weights("small")
    save_zoo_weights(home / "mine.safetensors", "partial-conv", {}, network().state_dict(), {})
    with pytest.raises(WeightsInvalid, match="of the method partial-conv"):
        load_weights("mine")


def test_files_that_are_none(home):
    home.mkdir(parents=True)
    for number, data in enumerate((b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0[]", b"\x02\0\0\0\0\0\0\0{}")):
        (home / f"bad{number}.safetensors").write_bytes(data)
        assert read_method(f"bad{number}") is None
        with pytest.raises(WeightsInvalid):
            load_zoo_weights(f"bad{number}")
    for load in (read_method, load_zoo_weights):
        with pytest.raises(WeightsNotFound):
            load("nosuch")
