"""Correction `grain`: the fill gets the noise of its surroundings, as far as it lacks it.

A generator's fill is clean: on a scan of film it shows as a smooth patch. The noise of the known pixels around the hole is
measured (`noise`), and so is what the fill has of it; of what is missing, frequency by frequency, a sample is drawn and
added. Where the surroundings have no noise, or only texture, or the fill has as much, nothing happens; nor where
`tasks.judge.texture.grain_ratio` would not say that it became better.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from tasks.correct.noise import Bool, Double, Float, Noise, Residual, covariances, drawn, measured, spectra, undimmed
from tasks.correct.settings import GrainSettings
from tasks.fill.correction import Reach, Window
from tasks.judge.scene import scene
from tasks.judge.texture import grain_ratio

_LEAST = 24  # smooth pixels of a hole; fewer say nothing of what it has
_SHARE = 0.05  # of the hole
_SMOOTH = 1.5  # the hole may vary so much more than the surroundings where they are smooth


@dataclass(frozen=True)
class Grain:
    """The correction, with its settings."""

    settings: GrainSettings = field(default_factory=GrainSettings)

    @property
    def reach(self) -> Reach:
        """As far as noise is measured."""
        return Reach(0.5, 48, 128)

    def __call__(self, window: Window) -> Float:
        """See `tasks.fill.correction.Correction`."""
        if not window.own.any() or not window.known.any():
            return window.fill
        noise = measured(Residual.of(window.seen, window.known))
        if noise is None or not self._counts(noise):
            return window.fill
        residual = Residual.of(window.shown, window.known | window.own)
        missing = _missing(noise, residual, window.own)
        if missing is None:
            return window.fill
        added = self._added(noise, missing, residual, window)
        if float(np.sqrt((added**2).mean())) < self.settings.least:
            return window.fill
        result = window.fill.copy()
        result[window.own] = np.clip(window.fill[window.own] + added, 0, 1)
        return result if _better(window, result) else window.fill

    def _counts(self, noise: Noise) -> bool:
        """Whether it is noise, and seen."""
        strength = float(np.sqrt(noise.variances.mean()))
        return self.settings.least <= strength <= self.settings.most

    def _added(self, noise: Noise, missing: Double, residual: Residual, window: Window) -> Float:
        """(N, 3): what is added to the hole's pixels; a hole at another place gets another sample."""
        rows, columns = (np.flatnonzero(window.own.any(axis=axis)) for axis in (1, 0))
        box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        seed = (self.settings.seed, window.y + box[0].start, window.x + box[1].start)
        inside = window.own[box]
        sample = drawn(missing, inside.shape, np.random.default_rng(seed))
        units = sample[inside] @ noise.axes.T.astype(np.float32)
        return np.asarray(units * noise.deviations(residual.level[window.own]), dtype=np.float32)


def _missing(noise: Noise, residual: Residual, own: Bool) -> Double | None:
    """The power that a hole lacks, along the axes of the noise: (3, SIDE, SIDE); None where that cannot be said."""
    smooth = own & (residual.change <= _SMOOTH * noise.change + 0.5 / 255)
    if np.count_nonzero(smooth) < max(_LEAST, _SHARE * np.count_nonzero(own)):
        return None
    has = spectra(covariances(noise.along_axes(residual), smooth))
    return undimmed(np.maximum(noise.spectra - has, 0))


def _better(window: Window, result: Float) -> bool:
    """Whether the hole's noise is nearer to that of its ring than it was."""
    ratios = [
        grain_ratio(scene(np.where(window.known[:, :, None], window.seen, fill), window.own, window.known))
        for fill in (window.fill, result)
    ]
    if any(math.isnan(ratio) for ratio in ratios):
        return True  # too narrow to be measured
    return abs(math.log(ratios[1])) <= abs(math.log(ratios[0])) + 1e-3
