"""Methods of this program: a bare generator, and a generator with passes and corrections."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.settings import ModelSettings
from tasks.correct.corrections import chosen
from tasks.fill.fill import fill_image
from tasks.judge.choice import Judge
from tasks.run.benchmark.method import Damaged, Fill, Pixels
from tasks.run.generating import LocalGenerator
from tasks.run.settings import ItemSettings

WARM_PX = 64


@cache
def generator_of(settings: ModelSettings, threads: int) -> LocalGenerator:
    """A generator, loaded once in a process and warm: its first forward prepares what later ones use."""
    generator = LocalGenerator(settings, threads)
    hole = np.zeros((WARM_PX, WARM_PX), bool)
    hole[:8, :8] = True
    generator.fill([np.zeros((WARM_PX, WARM_PX, 3), np.float32)], [hole])
    return generator


@dataclass(frozen=True)
class Bare:
    """A generator that is shown the whole photo at its size, in one forward, as a paper's evaluation does."""

    name: str
    model: ModelSettings
    weights_sha256: str
    timed: bool = True

    def version(self, photo: str, kind: str) -> str:  # noqa: ARG002 - the same for all
        """Of its weights and precision."""
        return f"{self.weights_sha256} {self.model.precision}"

    def load(self, threads: int) -> Fill:
        """Raises WeightsNotFound, WeightsInvalid."""
        generator = generator_of(self.model, threads)

        def fill(damaged: Damaged) -> Pixels:
            unit = damaged.pixels.astype(np.float32) / np.float32(255)
            return np.asarray(np.rint(generator.fill([unit], [damaged.mask])[0].clip(0, 1) * 255), np.uint8)

        return fill


@dataclass(frozen=True)
class Composed:
    """A pass or a recipe: what `lacuna restore` would do with these settings."""

    name: str
    settings: ItemSettings
    weights_sha256: str
    timed: bool = True

    def version(self, photo: str, kind: str) -> str:  # noqa: ARG002 - the same for all
        """Of its weights and of all settings that decide pixels."""
        return f"{self.weights_sha256} {self.settings.sha256()}"

    def load(self, threads: int) -> Fill:
        """Raises WeightsNotFound, WeightsInvalid."""
        settings = self.settings
        generator = generator_of(settings.model, threads)
        corrections = chosen(settings.correct)
        judge = None if settings.judge.mode == "off" else Judge(settings.judge, settings.correct)

        def fill(damaged: Damaged) -> Pixels:
            done = fill_image(
                damaged.pixels,
                damaged.mask,
                generator,
                settings.mask,
                settings.fill,
                corrections=corrections,
                choose=judge,
            )
            return np.asarray(done.pixels, np.uint8)

        return fill
