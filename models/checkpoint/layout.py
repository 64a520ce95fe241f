"""The configuration of a generator from the names and shapes of its tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from models.lama import PATHS, LamaConfig
from models.weights import WeightsInvalid

Shape = tuple[int, ...]

FIRST = re.compile(r"(|.*\.)model\.1\.(ffc\.convl2l\.)?weight")
# Where generators are known to lie; elsewhere one is found if it is the only one.
USUAL = ("generator.", "model.generator.", "module.generator.", "")


def find_prefix(shapes: Mapping[str, Shape]) -> str:
    """What stands before `model.N…` in the generator's names: `generator.` in official checkpoints.

    Raises WeightsInvalid when there is no generator, or more than one in unknown places.
    """
    found = [match[1] for name, shape in shapes.items() if (match := FIRST.fullmatch(name)) and shape[2:] == (7, 7)]
    for prefix in USUAL:
        if prefix in found:
            return prefix
    if len(found) == 1:
        return found[0]
    raise WeightsInvalid(
        f"several generators: {', '.join(sorted(found))}" if found else "no LaMa generator among the tensors' names"
    )


def infer_config(shapes: Mapping[str, Shape]) -> LamaConfig:
    """The configuration of a generator whose tensors have these names (`model.N…`) and shapes.

    That all other names and shapes follow from it is for the caller to check. Raises WeightsInvalid.
    """
    try:
        return _regular(shapes) if "model.1.weight" in shapes else _ffc(shapes)
    except (KeyError, IndexError, ValueError) as error:
        raise WeightsInvalid(f"not the names and shapes of a LaMa generator: {error}") from error


def _ffc(shapes: Mapping[str, Shape]) -> LamaConfig:
    first = shapes["model.1.ffc.convl2l.weight"]
    down = _run(shapes, 2, "model.{}.ffc.convl2l.weight")
    blocks = _run(shapes, 2 + down, "model.{}.conv1.bn_l.weight")
    last = f"model.{1 + down}.ffc.convl2"
    out_l, out_g = shapes[last + "l.weight"][0], shapes.get(last + "g.weight", (0,))[0]
    block = f"model.{2 + down}.conv1.ffc.conv"
    spectral = tuple(path for path in PATHS if f"{block}{path}.conv1.0.weight" in shapes) if blocks else ("g2g",)
    return LamaConfig(
        input_nc=first[1],
        ngf=first[0],
        n_downsampling=down,
        n_blocks=blocks,
        ratio=_ratio(out_g, out_l + out_g),
        max_features=_max_features(first[0], down, out_l + out_g),
        spectral=spectral,
        **_tail(shapes, 3 + down + blocks, down),
    )


def _regular(shapes: Mapping[str, Shape]) -> LamaConfig:
    first = shapes["model.1.weight"]
    down = _run((name for name, shape in shapes.items() if shape[2:] == (3, 3)), 4, "model.{}.weight", step=3)
    blocks = _run(shapes, 4 + 3 * down, "model.{}.conv_block.1.weight")
    if not blocks:  # then the first kernels on the way up look like some on the way down
        raise ValueError("no residual blocks")
    return LamaConfig(
        input_nc=first[1],
        ngf=first[0],
        n_downsampling=down,
        n_blocks=blocks,
        max_features=_max_features(first[0], down, shapes[f"model.{1 + 3 * down}.weight"][0]),
        blocks="regular",
        **_tail(shapes, 4 + 3 * down + blocks, down),
    )


def _tail(shapes: Mapping[str, Shape], up: int, down: int) -> dict[str, Any]:
    """From the first up-sampling, at `model.{up}`: its kernel, and the channels that come out at the end."""
    return {
        "up_kernel": shapes[f"model.{up}.weight"][2],
        "output_nc": shapes[f"model.{up + 3 * down + 1}.weight"][0],
        "skip": "skips.0.weight" in shapes,
        "noise": "noise.strengths.0.weight" in shapes,
    }


def _run(names: Iterable[str], first: int, pattern: str, step: int = 1) -> int:
    """How many of the numbers first, first + step, … are in a name, one after another."""
    known, count = set(names), 0
    while pattern.format(first + step * count) in known:
        count += 1
    return count


def _ratio(out_g: int, total: int) -> float:
    """LaMa's own ratio if `int(total * ratio)` is `out_g`, else the shortest decimal number of which it is."""
    near = [round(out_g / total, digits) for digits in range(1, 8)]
    above = [round(ratio + 10**-digits, digits) for digits, ratio in enumerate(near, 1)]
    for ratio in (LamaConfig.ratio, *(value for pair in zip(near, above, strict=True) for value in pair)):
        if ratio < 1 and int(total * ratio) == out_g:
            return ratio
    raise ValueError(f"{out_g} of {total} channels are global")


def _max_features(ngf: int, down: int, bottleneck: int) -> int:
    usual = LamaConfig.max_features
    return usual if bottleneck == min(usual, ngf << down) else bottleneck
