"""Correction `texture`: the fill is moved until features of a network have the statistics of a known texture like it.

L. Gatys et al. synthesise texture from noise; here the fill is the start, so that what the generator has right stays, and
coarse colours are held to it. The exemplar is what `block_matching` finds for the fill among known pixels. Optimised
statistics bring back texture, and break up what is no texture: stripes, things, what is sharp already. So a fill stays as
it is where it is not much softer than its surroundings (`tasks.judge.texture.sharpness_ratio`), and where it is hardly
farther from its exemplar than the exemplar's halves are from each other.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tasks.correct.settings import TextureSettings
from tasks.fill.correction import Reach, Window
from tasks.fill.ring import Float
from tasks.judge.scene import scene
from tasks.judge.texture import sharpness_ratio

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.correct.synthesis.energy import TextureEnergy

_STIR = 0.2  # of the exemplar's deviation
_APART = 1.5  # times as unlike the exemplar as its halves are each other
_LEAST_PX = 8  # a hole narrower than this has no texture


@dataclass(frozen=True)
class Texture:
    """The correction, with its settings."""

    settings: TextureSettings = field(default_factory=TextureSettings)

    @property
    def reach(self) -> Reach:
        """As far as the exemplar may lie."""
        return Reach(1.0, 64, 256)

    def __call__(self, window: Window) -> Float:
        """See `tasks.fill.correction.Correction`. Raises what `synthesis.networks.network` raises."""
        if not self._lacks(window):
            return window.fill
        from tasks.correct.synthesis.energy import energy_of

        energy = energy_of(window, self.settings)
        if energy is None or float(energy.unlikeness(energy.fill)) <= _APART * energy.usual:
            return window.fill
        found, energies = self._found(energy)
        if self.settings.start == "fill" and energies[-1] >= float(energy(energy.fill)):
            return window.fill
        result = window.fill.copy()
        made = found.permute(1, 2, 0).numpy()
        inside = window.own[energy.box]
        result[energy.box][inside] = np.clip(made[: inside.shape[0], : inside.shape[1]][inside], 0, 1)
        return result

    def _lacks(self, window: Window) -> bool:
        """Whether a hole is of a size for texture, and softer than its surroundings."""
        area = int(np.count_nonzero(window.own))
        if not area or area > self.settings.most_mp * 1e6 or not window.known.any():
            return False
        if min(int(window.own.any(axis=axis).sum()) for axis in (0, 1)) < _LEAST_PX:
            return False
        return sharpness_ratio(scene(window.shown, window.own, window.known)) <= self.settings.lacking

    def _found(self, energy: "TextureEnergy") -> "tuple[Tensor, list[float]]":
        start, settings = self._start(energy), self.settings
        if settings.method == "automaton":
            from tasks.correct.synthesis.automaton import grown

            return grown(energy, start, energy.own, settings.training, settings.seed)
        from tasks.correct.synthesis.descent import descended

        return descended(energy, start, settings.iterations, settings.enough)

    def _start(self, energy: "TextureEnergy") -> "Tensor":
        """(3, h, w): the fill, its mean colour, or noise around it of the exemplar's deviation.

        A little noise is added in any case: on a fill of one colour features have no order that could be made another.
        """
        import torch

        generator = torch.Generator().manual_seed(self.settings.seed)
        noise = torch.randn(energy.fill.shape, generator=generator) * float(np.sqrt(energy.variance))
        if self.settings.start == "fill":
            return energy.fill + _STIR * noise
        mean = energy.fill[:, energy.own].mean(dim=1).view(3, 1, 1)
        return mean + noise * (1.0 if self.settings.start == "noise" else _STIR)
