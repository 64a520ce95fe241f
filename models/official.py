"""The official format (advimman/lama): a folder of `config.yaml` and `models/best.ckpt`, a Lightning checkpoint.

`python -m models.official FOLDER OUT.safetensors` converts one (and every other format of `models.checkpoint`) to a
weights file, without the rest of Lacuna. Nothing in the file is executed.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from models.lama import LamaConfig
from models.weights import Weights, WeightsInvalid, save_weights

REFERENCE = re.compile(r"\$\{([A-Za-z0-9_.]+)\}")
KINDS = {"ffc_resnet": "ffc", "pix2pixhd_global": "regular"}
DEFAULTS = {"input_nc": 4, "output_nc": 3, "ngf": 64, "n_downsampling": 3, "n_blocks": 9, "max_features": 1024}
FFC = {"dilation": 1, "groups": 1, "padding_type": "reflect", "gated": False, "stride": 1}
FOURIER = {"fft_norm": "ortho", "spectral_pos_encoding": False, "use_se": False, "ffc3d": False}
# Options of the official code that change what the network computes, and the only value that is known here. What is
# not listed must be absent or off.
KNOWN = {
    "kind": None,
    **dict.fromkeys(DEFAULTS),
    "add_out_act": "sigmoid",
    "conv_kind": "default",
    "padding_type": "reflect",
    "deconv_kind": "convtranspose",
    "dilation": 1,
    "init_conv_kwargs": {"ratio_gin": 0, "ratio_gout": 0, **FFC, **FOURIER},
    "downsample_conv_kwargs": {"ratio_gin": 0, "ratio_gout": 0, **FFC, **FOURIER},
    "resnet_conv_kwargs": {"ratio_gin": None, "ratio_gout": None, **FFC, **FOURIER},
}


TRAINING = {"concat_mask": True, "noise_fill_hole": False}  # what else the generator's input depends on


def read_official(folder: Path) -> Weights:
    """Weights of an official folder, checked name by name and shape by shape; `sha256` is empty (two files).

    Raises FileNotFoundError, and WeightsInvalid for a configuration or a checkpoint that is something else.
    """
    from models.checkpoint.generator import read_generator

    return read_generator(folder).weights


def read_config(path: Path) -> LamaConfig:
    """`official_config` of a file. Raises FileNotFoundError, WeightsInvalid."""
    try:
        return official_config(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise WeightsInvalid(f"{path.name} cannot be read: {error}") from error


def official_config(tree: object) -> LamaConfig:
    """`LamaConfig` of an official `config.yaml` (references such as `${generator.x.y}` are followed).

    Raises WeightsInvalid for another kind of generator, or for parts that this project does not have.
    """
    generator = tree.get("generator") if isinstance(tree, Mapping) else None
    if not isinstance(tree, Mapping) or not isinstance(generator, Mapping):
        raise WeightsInvalid("config.yaml has no generator")
    found = _resolved(tree, generator)
    if found.get("kind") not in KINDS:
        raise WeightsInvalid(f"config.yaml: generator.kind is {found.get('kind')!r}; known are {', '.join(KINDS)}")
    _check({"add_out_act": "tanh"} | found, KNOWN, "generator")  # tanh: the official default
    blocks = found.get("resnet_conv_kwargs") or {}
    ratio = blocks.get("ratio_gin") or 0
    if (blocks.get("ratio_gout") or ratio) != ratio:
        raise WeightsInvalid("config.yaml: the blocks' ratio_gin and ratio_gout differ")
    training = tree.get("training_model")
    _check(training if isinstance(training, Mapping) else {}, TRAINING, "training_model", strict=False)
    sizes = {name: found.get(name, default) for name, default in DEFAULTS.items()}
    try:
        return LamaConfig(**sizes, ratio=ratio, blocks=KINDS[found["kind"]])
    except (TypeError, ValueError) as error:
        raise WeightsInvalid(f"config.yaml: {error}") from error


def _resolved(tree: Mapping[Any, object], branch: Mapping[Any, object]) -> dict[str, Any]:
    """`branch` with its references replaced, two levels deep."""

    def value(node: object, depth: int = 0) -> Any:
        reference = REFERENCE.fullmatch(node) if isinstance(node, str) else None
        if reference is None:
            return node
        target: object = tree
        for part in reference[1].split("."):
            target = target.get(part) if isinstance(target, Mapping) else None
        # a value may refer to itself through another file of the official set: those chains are cut
        return value(target, depth + 1) if depth < 8 else None

    resolved = {str(key): value(node) for key, node in branch.items()}
    return {
        key: {str(k): value(v) for k, v in node.items()} if isinstance(node, Mapping) else node
        for key, node in resolved.items()
    }


def _check(found: Mapping[str, Any], known: Mapping[str, Any], path: str, *, strict: bool = True) -> None:
    """Refuse values other than the known ones; if strict, also what is neither known nor off."""
    for key, value in found.items():
        wanted = known.get(key)
        if isinstance(wanted, Mapping) and isinstance(value, Mapping):
            _check(value, wanted, f"{path}.{key}")
        elif key in known and wanted is not None and value is not None and value != wanted:
            raise WeightsInvalid(f"config.yaml: {path}.{key} is {value!r}; only {wanted!r} is known")
        elif key not in known and value and strict:
            raise WeightsInvalid(f"config.yaml: {path}.{key} is {value!r}; there is no such part here")


def main(arguments: list[str] | None = None) -> None:
    """Command line: convert a checkpoint to a weights file."""
    from models.checkpoint.generator import read_generator

    parser = argparse.ArgumentParser(prog="python -m models.official", description=main.__doc__)
    parser.add_argument("source", type=Path, help="an official folder, or a checkpoint")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--about", default="", help="where the weights come from; kept in the file")
    parser.add_argument("--half", action="store_true", help="matrices in fp16: half the size")
    options = parser.parse_args(arguments)
    weights = read_generator(options.source).weights
    about = {"source": options.about or weights.name}
    save_weights(options.out, weights.config, weights.tensors, about, half=options.half)


if __name__ == "__main__":
    main()
