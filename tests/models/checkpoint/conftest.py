"""Checkpoints in every format, with classes that are nowhere to be found when the file is read."""

from __future__ import annotations

import shutil
import sys
import types
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.lama import Lama, LamaConfig

CONFIG = """
run_title: test
training_model: {{kind: default, visualize_each_iters: 1000, concat_mask: true, store_discr_outputs_for_vis: true}}
losses:
  l1: {{weight_missing: 0, weight_known: 10}}
  resnet_pl: {{weight: 30, weights_path: "${{env:TORCH_HOME}}"}}
generator:
  kind: ffc_resnet
  input_nc: 4
  output_nc: 3
  ngf: {ngf}
  n_downsampling: {n_downsampling}
  n_blocks: {n_blocks}
  max_features: {max_features}
  add_out_act: sigmoid
  init_conv_kwargs: {{ratio_gin: 0, ratio_gout: 0, enable_lfu: false}}
  downsample_conv_kwargs:
    ratio_gin: ${{generator.init_conv_kwargs.ratio_gout}}
    ratio_gout: ${{generator.downsample_conv_kwargs.ratio_gin}}
    enable_lfu: false
  resnet_conv_kwargs:
    ratio_gin: {ratio}
    ratio_gout: ${{generator.resnet_conv_kwargs.ratio_gin}}
    enable_lfu: false
discriminator: {{kind: pix2pixhd_nlayer, input_nc: 3, ndf: 64, n_layers: 4}}
defaults: [{{location: docker}}]
"""
ABSENT = (
    "pytorch_lightning.callbacks.model_checkpoint",
    "omegaconf.dictconfig",
    "saicinpainting.training.trainers.default",
)


@contextmanager
def absent_classes() -> Iterator[list[Any]]:
    """Classes of modules that exist within the `with` only."""
    names = {".".join(name.split(".")[: n + 1]) for name in ABSENT for n in range(name.count(".") + 1)}
    assert not names & set(sys.modules)
    try:
        made = []
        for name in sorted(names):
            sys.modules[name] = types.ModuleType(name)
        for name in ABSENT:
            made.append(type("Thing", (), {"__module__": name}))
            sys.modules[name].Thing = made[-1]  # type: ignore[attr-defined]
        yield made
    finally:
        for name in names:
            sys.modules.pop(name, None)


def lightning(model: nn.Module) -> dict[str, Any]:
    """What Lightning 1.2 saved, with instances and classes of `ABSENT` inside; to be pickled within `absent_classes`."""
    things = [sys.modules[name].Thing for name in ABSENT]  # type: ignore[attr-defined]
    settings = things[1]()
    settings.__dict__ |= {"_content": {"lr": 0.001, "owner": things[2]}, "_flags": [None, True, (1, 2.5, b"x")]}
    state = OrderedDict((f"generator.{key}", value) for key, value in model.state_dict().items())
    state |= {
        "discriminator.model0.0.weight": torch.rand(4, 3, 4, 4),
        "loss_resnet_pl.impl.conv1.weight": torch.rand(9),
    }
    return {
        "epoch": 11,
        "global_step": 10**12,
        "callbacks": {things[0]: {"best_model_score": torch.tensor(0.5), "best_model_path": "/home/x/épreuve.ckpt"}},
        "hyper_parameters": settings,
        "lr_schedulers": [],
        "state_dict": state,
    }


@pytest.fixture
def official(tmp_path: Path, tiny_model: Callable[..., Lama]) -> Callable[..., Path]:
    """`official(config, legacy=False)`: an official folder with random weights."""

    def make(config: LamaConfig | None = None, legacy: bool = False, name: str = "official") -> Path:
        model = tiny_model(config) if config else tiny_model()
        folder = tmp_path / name
        (folder / "models").mkdir(parents=True)
        (folder / "config.yaml").write_text(CONFIG.format(**vars(model.config)))
        with absent_classes():
            checkpoint = lightning(model)
            torch.save(checkpoint, folder / "models" / "best.ckpt", _use_new_zipfile_serialization=not legacy)
        return folder

    return make


class Traced(nn.Module):
    """What IOPaint's file wraps: `model.generator.model.N…`, image and mask in, composite out."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.model = nn.Module()
        self.model.generator = generator

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        made = self.model.generator(torch.cat([image * (1 - mask), mask], 1))
        return mask * made + (1 - mask) * image


@pytest.fixture(scope="session")
def traced(tmp_path_factory: pytest.TempPathFactory, tiny_model: Callable[..., Lama]) -> Path:
    """A traced generator; tracing takes seconds."""
    path = tmp_path_factory.mktemp("traced") / "traced.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated; this is what is published
        example = (torch.rand(1, 3, 32, 32), torch.rand(1, 1, 32, 32))
        torch.jit.trace(Traced(tiny_model()), example, check_trace=False).save(str(path))
    return path


@pytest.fixture
def torchscript(tmp_path: Path, traced: Path) -> Path:
    """A TorchScript file of one's own, the tiny generator in it."""
    return shutil.copy(traced, tmp_path / "traced.pt")
