"""Methods of `models.zoo`: by name, or by weights of one; with options, as `dip?max_iterations=300&seed=1`."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import yaml

from models.weights import weights_sha256
from models.zoo.registry import METHODS, check_options, find_method, located
from tasks.publish.provenance import ROOT
from tasks.run.benchmark.generated import WARM_PX
from tasks.run.benchmark.method import Damaged, Fill, Pixels


@dataclass(frozen=True)
class Zoo:
    """A method behind `models.load_inpainter`: it sees the hole and its surroundings, at most 512 px of them.

    options: JSON of what the method is told. weights_sha256 is empty for one that needs no weights.
    """

    name: str
    inpainter: str
    weights_sha256: str
    options: str = "{}"
    timed: bool = True

    def version(self, photo: str, kind: str) -> str:  # noqa: ARG002 - the same for all
        """Of its weights, its options and its code."""
        return f"{self.weights_sha256} {self.options} {_code()}".strip()

    def load(self, threads: int) -> Fill:
        """Raises WeightsNotFound, WeightsInvalid, ValueError."""
        import torch

        from models import load_inpainter

        torch.set_num_threads(threads)
        inpainter = load_inpainter(self.inpainter, **json.loads(self.options))
        if self.weights_sha256:  # warm, as a generator is
            hole = np.zeros((WARM_PX, WARM_PX), bool)
            hole[:8, :8] = True
            inpainter(np.zeros((WARM_PX, WARM_PX, 3), np.uint8), hole)
        return _Filling(inpainter)


@dataclass
class _Filling:
    """A loaded method; iterations: of the last photo, None where the method has none."""

    inpainter: Any
    iterations: int | None = field(default=None)

    def __call__(self, damaged: Damaged) -> Pixels:
        filled: Pixels = self.inpainter(damaged.pixels, damaged.mask)
        spent = getattr(self.inpainter.engine, "iterations", None)
        self.iterations = spent[0] if spent else None
        return filled


def zoo_method(name: str) -> Zoo | None:
    """The method of a name, None for a name that is none of the zoo's.

    Raises WeightsNotFound, WeightsInvalid, and ValueError for an unknown option.
    """
    inpainter, _, query = name.partition("?")
    key = find_method(inpainter)
    if key is None:
        return None
    options = {}
    for part in query.split("&") if query else ():
        option, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is no option=value")
        options[option] = yaml.safe_load(value)
    check_options(key, options)
    sha256 = weights_sha256(located(inpainter)) if METHODS[key].needs_weights else ""
    return Zoo(name, inpainter, sha256, json.dumps(options, sort_keys=True))


@cache
def _code() -> str:
    digest = hashlib.sha256()
    for path in sorted(ROOT.glob("models/zoo/*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
