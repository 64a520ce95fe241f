"""The judge: of several fills of a hole, the one of which the least error is expected; in doubt the plain one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.correct.settings import CorrectSettings
from tasks.fill.choice import Choice
from tasks.fill.correction import corrected
from tasks.fill.holes import Hole
from tasks.fill.passes import Generator
from tasks.fill.picture import Picture
from tasks.fill.prediction import Prediction
from tasks.fill.settings import FillSettings
from tasks.judge.candidate import Candidate, Step, parsed
from tasks.judge.clues import of_change, of_fill, of_level
from tasks.judge.cost import affordable
from tasks.judge.evidence import evidence
from tasks.judge.expected import expected
from tasks.judge.pseudo_holes import pseudo_holes
from tasks.judge.scene import Bool
from tasks.judge.settings import JudgeSettings
from tasks.judge.trial import Trial
from tasks.judge.view import view_of


@dataclass(frozen=True)
class Judge:
    """The `tasks.fill.choice.Chooser` of these settings, hole by hole, whatever other holes there are.

    correct: `steps` make the plain fill, the rest are the settings of corrections that candidates do not set.
    """

    settings: JudgeSettings
    correct: CorrectSettings

    def plain(self, fill_pass: str) -> Candidate:
        """What the recipe makes of a hole without a judge."""
        return Candidate(fill_pass, tuple(Step(name) for name in self.correct.steps))

    def __call__(
        self,
        picture: Picture,
        mask: Bool,
        holes: Sequence[Hole],
        fill_pass: str,
        predictions: Sequence[Prediction],
        generator: Generator,
        settings: FillSettings,
    ) -> list[Choice]:
        """See `tasks.fill.choice.Chooser`."""
        plain = self.plain(fill_pass)
        done = corrected(picture, mask, holes, predictions, plain.corrections(self.correct))
        found = []
        for hole, made, (fill, names) in zip(holes, predictions, done, strict=True):
            chosen = Choice(fill, fill_pass, names)
            if hole.area >= self.settings.min_px:
                trial = Trial(picture, mask, hole, fill_pass, generator, settings, self.correct)
                trial.made = {(fill_pass, plain.steps): (fill, names), (fill_pass, ()): (made, ())}
                chosen = self._chosen(trial)
            found.append(chosen)
        return found

    def candidates(self, trial: Trial) -> list[Candidate]:
        """What is tried beside the plain fill, in order, each with its pass."""
        asked = dict.fromkeys(parsed(text).by(trial.fill_pass) for text in self.settings.candidates)
        plain = self.plain(trial.fill_pass)
        return affordable(
            [each for each in asked if each != plain and trial.suits(each)],
            trial.fill_pass,
            trial.hole.area,
            self.settings.pseudo_holes if self.settings.mode == "pseudo_holes" else 0,
            self.settings.max_candidates - 1,
            self.settings.max_s,
        )

    def expectations(self, trial: Trial) -> dict[Candidate, float]:
        """The expected error of the plain fill, which comes first, and of each candidate that differs from it; above 0."""
        plain, tried = self.plain(trial.fill_pass), self.candidates(trial)
        first = trial(plain)[0]
        view = view_of(trial.picture, trial.mask, trial.hole)
        tried = [each for each in tried if view.change(trial(each)[0], first) > 0]
        says = self._evidence(trial, plain, tried)
        before = of_fill(view.scene(first))
        level = expected(bool(says)).level(of_level(before, [told[plain] for told in says]))
        found = {plain: math.exp(level)}
        for each in tried:
            after = of_fill(view.scene(trial(each)[0]))
            pairs = [(told[plain], told[each]) for told in says if each in told]
            clues = of_change(plain, each, before, after, pairs)
            found[each] = math.exp(level + expected(bool(pairs)).change(clues))
        return found

    def _evidence(
        self, trial: Trial, plain: Candidate, tried: Sequence[Candidate]
    ) -> list[dict[Candidate, dict[str, float]]]:
        if self.settings.mode != "pseudo_holes":
            return []
        laid = pseudo_holes(trial.picture, trial.mask, trial.hole, trial(plain)[0], self.settings.pseudo_holes)
        return [
            evidence(each, trial.fill_pass, plain, tried, trial.generator, trial.fill, self.correct) for each in laid
        ]

    def _chosen(self, trial: Trial) -> Choice:
        found = self.expectations(trial)
        best, plain = min(found, key=lambda each: found[each]), self.plain(trial.fill_pass)
        if found[best] >= (1 - self.settings.margin) * found[plain]:
            best = plain
        fill, names = trial(best)
        return Choice(fill, best.fill_pass or trial.fill_pass, names, len(found), found[best], found[plain])
