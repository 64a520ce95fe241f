"""Import of the official folder format (advimman/lama): `config.yaml` and `models/best.ckpt`.

The checkpoint is read with `weights_only=True`: torch's restricted unpickler builds tensors and plain containers and
refuses everything else, so nothing in the file is executed.

`python -m models.official FOLDER OUT.safetensors` converts one.
"""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from models.lama import LamaConfig
from models.weights import Weights, WeightsInvalid, save_weights

PREFIX = "generator."
REFERENCE = re.compile(r"\$\{([A-Za-z0-9_.]+)\}")


def read_official(folder: Path) -> Weights:
    """Weights of an official folder, checked name by name and shape by shape; `sha256` is empty (two files).

    Raises FileNotFoundError, and WeightsInvalid for a configuration or a checkpoint that is something else.
    """
    try:
        config = official_config(yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise WeightsInvalid(f"config.yaml cannot be read: {error}") from error
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # refused or read: either is fine
            checkpoint = torch.load(folder / "models" / "best.ckpt", map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise WeightsInvalid(f"best.ckpt is not a checkpoint of plain tensors: {error}") from error
    state = checkpoint.get("state_dict") if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict):
        raise WeightsInvalid("best.ckpt has no state_dict")
    tensors = {
        str(k).removeprefix(PREFIX): v.float()
        for k, v in state.items()
        if str(k).startswith(PREFIX) and isinstance(v, Tensor)
    }
    weights = Weights(folder.name, config, tensors, "")
    weights.build()  # checks names and shapes
    return weights


def official_config(tree: object) -> LamaConfig:
    """`LamaConfig` of an official `config.yaml` (references such as `${generator.x.y}` are followed).

    Raises WeightsInvalid for another kind of generator, or for parts that this project does not have.
    """
    generator = tree.get("generator") if isinstance(tree, Mapping) else None
    if not isinstance(tree, Mapping) or not isinstance(generator, Mapping):
        raise WeightsInvalid("config.yaml has no generator")

    def value(path: str, default: object = None, depth: int = 0) -> Any:
        node: object = tree
        for part in path.split("."):
            if not isinstance(node, Mapping) or part not in node:
                return default
            node = node[part]
        reference = REFERENCE.fullmatch(node) if isinstance(node, str) else None
        # a ratio may refer to itself through another file of the official set: those chains are cut
        return value(reference[1], default, depth + 1) if reference and depth < 8 else node

    expected = {
        "generator.kind": "ffc_resnet",
        "generator.add_out_act": "sigmoid",
        "generator.init_conv_kwargs.ratio_gin": 0,
        "generator.init_conv_kwargs.ratio_gout": 0,
        "generator.init_conv_kwargs.enable_lfu": False,
        "generator.downsample_conv_kwargs.enable_lfu": False,
        "generator.resnet_conv_kwargs.enable_lfu": False,
    }
    for path, wanted in expected.items():
        if value(path, wanted) != wanted:
            raise WeightsInvalid(f"config.yaml: {path} is {value(path)!r}; only {wanted!r} is known")
    ratio = value("generator.resnet_conv_kwargs.ratio_gin", 0)
    if value("generator.resnet_conv_kwargs.ratio_gout", ratio) != ratio:
        raise WeightsInvalid("config.yaml: the blocks' ratio_gin and ratio_gout differ")
    names = ("input_nc", "output_nc", "ngf", "n_downsampling", "n_blocks", "max_features")
    defaults = {"input_nc": 4, "output_nc": 3, "ngf": 64, "n_downsampling": 3, "n_blocks": 9, "max_features": 1024}
    try:
        return LamaConfig(ratio=ratio, **{name: value(f"generator.{name}", defaults[name]) for name in names})
    except ValueError as error:
        raise WeightsInvalid(f"config.yaml: {error}") from error


def main(arguments: list[str] | None = None) -> None:
    """Command line: convert an official folder to one weights file."""
    parser = argparse.ArgumentParser(prog="python -m models.official", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--about", default="", help="where the weights come from; kept in the file")
    options = parser.parse_args(arguments)
    weights = read_official(options.folder)
    save_weights(options.out, weights.config, weights.tensors, {"source": options.about or weights.name})


if __name__ == "__main__":
    main()
