"""A candidate: one way to fill a hole, by a pass and corrections, written as `patches + block_matching(block_px=12)`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel

from tasks.correct.corrections import CORRECTIONS
from tasks.correct.settings import CorrectSettings
from tasks.fill.correction import Correction
from tasks.fill.passes import PASSES

BARE = "none"
GENERATED = ("whole", "regions", "multiscale", "refine")  # ways to run the generator; their fills are of one kind
_STEP = re.compile(r"(\w+)\s*(?:\((.*)\))?")


@dataclass(frozen=True)
class Step:
    """One correction by its name in the registry, with settings that differ from those of the recipe."""

    name: str
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def label(self) -> str:
        """As it is written: `block_matching(block_px=12)`."""
        said = ", ".join(f"{key}={value}" for key, value in self.options)
        return f"{self.name}({said})" if said else self.name

    def correction(self, settings: CorrectSettings) -> Correction:
        """The correction that it stands for. Raises ValueError for options that it does not have, or values it forbids."""
        if not self.options:
            return CORRECTIONS[self.name](settings)
        branch = getattr(settings, self.name, None)
        if not isinstance(branch, BaseModel):
            raise ValueError(f"{self.name} has no settings")
        options = dict(self.options)
        if "weights" in options and hasattr(branch, "weighted"):
            try:
                branch = branch.weighted(options.pop("weights"))
            except KeyError as error:
                raise ValueError(f"{self.name}: there are no weights {error}") from error
        changed = type(branch).model_validate({**branch.model_dump(), **options})
        return CORRECTIONS[self.name](settings.model_copy(update={self.name: changed}))


@dataclass(frozen=True)
class Candidate:
    """A pass, or None: the one that makes the hole's plain fill; and corrections in their order."""

    fill_pass: str | None
    steps: tuple[Step, ...]

    @property
    def label(self) -> str:
        """As it is written; `none`: what the generator made, as it is."""
        parts = [] if self.fill_pass is None else [self.fill_pass]
        return " + ".join([*parts, *(step.label for step in self.steps)]) or BARE

    @property
    def parts(self) -> tuple[str, ...]:
        """What makes its fill another kind than the generator's own: pass and corrections by name, and with options."""
        names = () if self.fill_pass is None or self.fill_pass in GENERATED else (self.fill_pass,)
        return tuple(dict.fromkeys((*names, *(s.name for s in self.steps), *(s.label for s in self.steps))))

    def by(self, fill_pass: str) -> "Candidate":
        """The same, its pass named: this one, where it names none."""
        return self if self.fill_pass else Candidate(fill_pass, self.steps)

    def corrections(self, settings: CorrectSettings) -> Mapping[str, Correction]:
        """By label, in their order."""
        return {step.label: step.correction(settings) for step in self.steps}


def parsed(text: str) -> Candidate:
    """`[pass +] correction[(key=value, …)] [+ …]`, or `none`. Raises ValueError with what is allowed."""
    fill_pass: str | None = None
    steps: list[Step] = []
    for number, part in enumerate(text.split("+") if text.strip() != BARE else ()):
        match = _STEP.fullmatch(part.strip())
        name = match.group(1) if match else part.strip()
        if match and number == 0 and name in PASSES and match.group(2) is None:
            fill_pass = name
        elif match and name in CORRECTIONS and name not in {step.name for step in steps}:
            steps.append(Step(name, _options(match.group(2) or "")))
        else:
            raise ValueError(
                f"{text!r}: {part.strip()!r} is neither {BARE!r}, nor a pass to begin with ({', '.join(PASSES)}), "
                f"nor a correction that was not named yet ({', '.join(CORRECTIONS)})"
            )
    made = Candidate(fill_pass, tuple(steps))
    made.corrections(CorrectSettings())
    return made


def _options(text: str) -> tuple[tuple[str, Any], ...]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not equals or not key.strip() for key, equals, _ in pairs):
        raise ValueError(f"options are key=value, …, not {text!r}")
    return tuple((key.strip(), yaml.safe_load(value)) for key, _, value in pairs)
