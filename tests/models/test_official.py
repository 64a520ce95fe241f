from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from models.lama import LamaConfig
from models.official import main, official_config, read_config, read_official
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


@pytest.mark.parametrize("half", [False, True])
def test_an_official_folder_becomes_a_weights_file(folder, tiny_model, half):
    out = folder / "out.safetensors"
    main([str(folder), str(out), *(["--half"] if half else [])])
    loaded = load_weights(str(out))
    assert loaded.config == LamaConfig(ngf=4, n_blocks=2, max_features=32)
    x = torch.rand(1, 4, 32, 32)
    with torch.inference_mode():
        difference = (loaded.build()(x) - tiny_model()(x)).abs().max()
    assert difference < 2e-3 if half else difference == 0


def test_reading_a_folder_gives_weights(folder):
    assert read_official(folder).config == LamaConfig(ngf=4, n_blocks=2, max_features=32)


def test_the_regular_ablation_is_known():
    tree = {"generator": {"kind": "pix2pixhd_global", "n_blocks": 15, "conv_kind": "default", "add_out_act": "sigmoid"}}
    assert official_config(tree) == LamaConfig(n_blocks=15, blocks="regular")
    for change in ({"dilation": 2}, {"padding_type": "zero"}, {"dilated_blocks_n": 3}, {"conv_kind": "depthwise"}):
        with pytest.raises(WeightsInvalid, match=next(iter(change))):
            official_config({"generator": tree["generator"] | change})


@pytest.mark.parametrize(
    ("branch", "change", "said"),
    [
        ("resnet_conv_kwargs", {"fft_norm": None}, None),
        ("resnet_conv_kwargs", {"fft_norm": "backward"}, "fft_norm"),
        ("resnet_conv_kwargs", {"gated": True}, "gated"),
        ("resnet_conv_kwargs", {"ratio_gout": 0.5}, "differ"),
        ("resnet_conv_kwargs", {"ratio_gin": "${nowhere.at.all}"}, None),
        ("resnet_conv_kwargs", {"ratio_gin": "${generator.resnet_conv_kwargs.ratio_gin}", "ratio_gout": 0}, None),
        ("init_conv_kwargs", {"ratio_gout": 0.5}, "ratio_gout"),
        ("downsample_conv_kwargs", {"unheard_of": 1}, "unheard_of"),
        ("training_model", {"concat_mask": False}, "concat_mask"),
        ("training_model", {"kind": "default", "visualize_each_iters": 10}, None),
    ],
)
def test_options_that_change_the_function_are_never_ignored(branch, change, said):
    tree = yaml.safe_load(CONFIG)
    place = tree if branch == "training_model" else tree["generator"]
    place[branch] = place.get(branch, {}) | change
    if said is None:
        assert official_config(tree).ngf == 4
    else:
        with pytest.raises(WeightsInvalid, match=said):
            official_config(tree)


def test_a_missing_activation_is_the_official_default_and_refused():
    tree = yaml.safe_load(CONFIG)
    del tree["generator"]["add_out_act"]
    with pytest.raises(WeightsInvalid, match="tanh"):
        official_config(tree)


@pytest.mark.parametrize("text", [b"\xff\xfe", b"a: [", b"!!python/object/apply:os.system [true]", b"{" * 5000])
def test_a_configuration_that_is_none(folder, text):
    (folder / "config.yaml").write_bytes(text)
    with pytest.raises(WeightsInvalid):
        read_config(folder / "config.yaml")


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


def test_a_checkpoint_of_another_shape_is_refused(folder):
    (folder / "config.yaml").write_text(CONFIG.replace("n_blocks: 2", "n_blocks: 3"))
    with pytest.raises(WeightsInvalid, match="missing"):
        read_official(folder)
