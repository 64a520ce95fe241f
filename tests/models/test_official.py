from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
import yaml

from models.lama import LamaConfig
from models.official import main, official_config, read_official
from models.weights import WeightsInvalid, load_weights

CONFIG = """
generator:
  kind: ffc_resnet
  input_nc: 4
  output_nc: 3
  ngf: 4
  n_downsampling: 3
  n_blocks: 2
  max_features: 32
  add_out_act: sigmoid
  init_conv_kwargs: {ratio_gin: 0, ratio_gout: 0, enable_lfu: false}
  downsample_conv_kwargs:
    ratio_gin: ${generator.init_conv_kwargs.ratio_gout}
    ratio_gout: ${generator.downsample_conv_kwargs.ratio_gin}
    enable_lfu: false
  resnet_conv_kwargs:
    ratio_gin: 0.75
    ratio_gout: ${generator.resnet_conv_kwargs.ratio_gin}
    enable_lfu: false
"""


@pytest.fixture
def folder(tmp_path, tiny_model) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG)
    state = {f"generator.{k}": v for k, v in tiny_model().state_dict().items()}
    torch.save({"state_dict": state | {"discriminator.x": torch.zeros(1)}}, tmp_path / "models" / "best.ckpt")
    return tmp_path


def test_an_official_folder_becomes_a_weights_file(folder, tiny_model):
    out = folder / "out.safetensors"
    main([str(folder), str(out)])
    loaded = load_weights(str(out))
    assert loaded.config == LamaConfig(ngf=4, n_blocks=2, max_features=32)
    x = torch.rand(1, 4, 32, 32)
    with torch.inference_mode():
        assert (loaded.build()(x) - tiny_model()(x)).abs().max() < 2e-3


@pytest.mark.parametrize(
    ("key", "value"),
    [("kind", "pix2pixhd"), ("add_out_act", "tanh"), ("ngf", "many"), ("resnet_conv_kwargs", {"enable_lfu": True})],
)
def test_other_generators_are_refused(key, value):
    tree = yaml.safe_load(CONFIG)
    tree["generator"][key] = value
    with pytest.raises(WeightsInvalid, match=key):
        official_config(tree)


@pytest.mark.parametrize("tree", [None, [], {}, {"generator": 1}])
def test_a_configuration_without_generator_is_refused(tree):
    with pytest.raises(WeightsInvalid):
        official_config(tree)


class _Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_malicious_pickle_runs_nothing(folder):
    torch.save({"state_dict": _Trap(folder / "sprung")}, folder / "models" / "best.ckpt")
    with pytest.raises(WeightsInvalid):
        read_official(folder)
    (folder / "models" / "best.ckpt").write_bytes(pickle.dumps(_Trap(folder / "sprung")))
    with pytest.raises(WeightsInvalid):
        read_official(folder)
    assert not (folder / "sprung").exists()


def test_a_checkpoint_of_another_shape_is_refused(folder):
    (folder / "config.yaml").write_text(CONFIG.replace("n_blocks: 2", "n_blocks: 3"))
    with pytest.raises(WeightsInvalid, match="missing"):
        read_official(folder)
