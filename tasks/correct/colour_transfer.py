"""Correction `colour_transfer`: the fill's colours become those of a known area like it, and meet the surroundings.

A generator's fill is often paler than the picture, or off by a tint. The reference is what `block_matching` finds for the
fill among known pixels, as much of each colour as the fill has like it; its colours are approached by sliced optimal
transport, regularised (`energy`). To find it, the fill is first raised to its surroundings at the frontier. What the frontier
says of the level is surer than the reference's mean, whose place in the picture is another one: see `trust`.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tasks.correct.block_matching import REFERENCE, matches
from tasks.correct.energy import Energy
from tasks.correct.frontier import NEAR_PX, inside_px, step
from tasks.correct.settings import ColourTransferSettings
from tasks.correct.transport import Float, slices, tamed
from tasks.fill.correction import Reach, Window

_SEEN = 6 / 255  # of RGB together; less is for `seam`
_LEAST = 64  # fewer colours say nothing


@dataclass(frozen=True)
class ColourTransfer:
    """The correction, with its settings."""

    settings: ColourTransferSettings = field(default_factory=ColourTransferSettings)

    @property
    def reach(self) -> Reach:
        """As far as the reference may lie; the ring is what lies within 32 px."""
        return Reach(1.0, 64, 256) if self.settings.reference == "matched" else Reach(0, 32, 32)

    def __call__(self, window: Window) -> Float:
        """See `tasks.fill.correction.Correction`. Without anything known around it a fill is returned as it is."""
        if not window.known.any() or not window.own.any():
            return window.fill
        shown = window.shown
        steps = step(shown, window.known, window.own)
        if not self._evident(steps, window):
            return window.fill
        raised = np.clip(shown + steps, 0, 1)
        mine, reference = self._clouds(window, raised)
        rows, columns = (np.flatnonzero(window.own.any(axis=axis)) for axis in (1, 0))
        box = slice(max(0, rows[0] - 1), rows[-1] + 2), slice(max(0, columns[0] - 1), columns[-1] + 2)
        energy = Energy(
            u=shown[box],
            f=raised[box],
            own=window.own[box],
            frontier=np.exp(-inside_px(window.known)[box] / np.float32(self.settings.boundary_px)),
            sample=mine,
            reference=reference,
            directions=slices(self.settings.directions, self.settings.seed),
            weights=self.settings,
        )
        found, energies = energy.descended()
        if len(energies) == 1:
            return window.fill
        result = window.fill.copy()
        np.copyto(result[box], found, where=window.own[box][:, :, None])
        return result

    def _evident(self, steps: Float, window: Window) -> bool:
        """Whether the fill is off in colour by more than stripes and edges at the frontier make it seem."""
        near = window.own & (inside_px(window.known) <= NEAR_PX)
        if not near.any():  # nothing is said of it
            return True
        off = steps[near] - np.median(steps[near], axis=0)
        spread = 1.4826 * np.median(np.abs(off), axis=0)
        level = steps[window.own].mean(axis=0)
        needed = max(_SEEN, self.settings.evidence * float(np.linalg.norm(spread)))
        return self.settings.evidence == 0 or float(np.linalg.norm(level)) >= needed

    def _clouds(self, window: Window, raised: Float) -> tuple[NDArray[np.int64], Float]:
        """Which of the hole's pixels, (M,), are to have the colours of the reference, (M, 3)."""
        rng = np.random.default_rng(self.settings.seed)
        count = int(np.count_nonzero(window.own))
        if self.settings.reference == "matched":
            like = matches(replace(window, fill=np.where(window.own[:, :, None], raised, window.fill)), REFERENCE)
            mine = np.flatnonzero(like.found[window.own])
            theirs = like.sources(window.seen)
            number = int(min(len(mine), self.settings.samples))
            picks = np.sort(rng.permutation(len(mine))[:number])
            mine, theirs = mine[picks], theirs[picks]
        else:
            known = window.seen[window.known]
            number = min(count, len(known), self.settings.samples)
            mine = np.sort(rng.permutation(count)[:number])
            theirs = known[np.sort(rng.permutation(len(known))[:number])]
        if number < _LEAST:
            return np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=np.float32)
        colours = window.shown[window.own][mine]
        reference = tamed(theirs, colours, self.settings.gain)
        met = raised[window.own][mine].mean(axis=0) - reference.mean(axis=0)
        return mine, reference + np.float32(1 - self.settings.trust) * met
