"""The error that is expected of a fill without knowing the truth: linear models of its logarithm, fitted to known ones.

They are in `expected.json`, with how they were fitted (`python infra/bench/judge.py`): with and without pseudo-holes, one of
the plain fill's error and one of what a candidate's is over it. The error is the feature distance over the hole's pixels,
so that it counts what people see, not which grain of sand lies where.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

DATA = Path(__file__).with_name("expected.json")


@dataclass(frozen=True)
class Term:
    """One clue: what is taken off, what it is divided by, and its weight."""

    mean: float
    deviation: float
    weight: float


@dataclass(frozen=True)
class Model:
    """intercept + Σ weight · (clue − mean) / deviation, the logarithm of an error or of a ratio of errors."""

    intercept: float
    terms: Mapping[str, Term]

    def __call__(self, clues: Mapping[str, float]) -> float:
        """A clue that is missing or NaN says nothing, one that the model does not know is not asked."""
        total = self.intercept
        for name, term in self.terms.items():
            value = clues.get(name, math.nan)
            if not math.isnan(value):
                total += term.weight * (value - term.mean) / term.deviation
        return total

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Self:
        """From plain values: `intercept`, and by term mean, deviation and weight."""
        return cls(float(tree["intercept"]), {name: Term(*map(float, term)) for name, term in tree["terms"].items()})


@dataclass(frozen=True)
class Models:
    """`level`: the logarithm of a plain fill's error, by `clues.of_level`; `change`: by `clues.of_change`, the logarithm of a
    candidate's error over it."""

    level: Model
    change: Model


@cache
def expected(evidence: bool) -> Models:
    """The models that come with the program; evidence: whether there are pseudo-holes to go by."""
    tree = json.loads(DATA.read_text("utf-8"))["pseudo_holes" if evidence else "blind"]
    return Models(Model.of(tree["level"]), Model.of(tree["change"]))
