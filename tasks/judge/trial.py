"""Candidates of one hole are made, each part of them once."""

from dataclasses import dataclass, field

from tasks.correct.settings import CorrectSettings
from tasks.fill.correction import corrected
from tasks.fill.holes import Hole
from tasks.fill.passes import PASSES, Generator
from tasks.fill.picture import Picture
from tasks.fill.prediction import Prediction
from tasks.fill.settings import FillSettings
from tasks.judge.candidate import Candidate, Step
from tasks.judge.scene import Bool

Made = tuple[Prediction, tuple[str, ...]]


@dataclass
class Trial:
    """A hole that may be filled in several ways. mask (H, W) bool: all holes.

    fill_pass: what fills it where a candidate names none; `made` holds what has been made, by pass and steps.
    """

    picture: Picture
    mask: Bool
    hole: Hole
    fill_pass: str
    generator: Generator
    fill: FillSettings
    correct: CorrectSettings
    made: dict[tuple[str, tuple[Step, ...]], Made] = field(default_factory=dict)

    def suits(self, candidate: Candidate) -> bool:
        """Whether its pass is a way to fill this hole."""
        name = candidate.fill_pass
        shape = (self.mask.shape[0], self.mask.shape[1])
        return name is None or name == self.fill_pass or PASSES[name].suits(self.hole, shape, self.fill)

    def __call__(self, candidate: Candidate) -> Made:
        """Its fill, and the labels of the corrections that changed it."""
        return self._made(candidate.fill_pass or self.fill_pass, candidate.steps)

    def _made(self, fill_pass: str, steps: tuple[Step, ...]) -> Made:
        key = fill_pass, steps
        if key not in self.made:
            if not steps:
                holes = [self.hole]
                found = PASSES[fill_pass].run(self.picture, self.mask, holes, self.generator, self.fill)[0]
                self.made[key] = found, ()
            else:
                before, names = self._made(fill_pass, steps[:-1])
                step = {steps[-1].label: steps[-1].correction(self.correct)}
                after, changed = corrected(self.picture, self.mask, [self.hole], [before], step)[0]
                self.made[key] = after, (*names, *changed)
        return self.made[key]
