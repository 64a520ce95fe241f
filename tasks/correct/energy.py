"""The energy of a colour transfer, and its minimisation.

J. Rabin and G. Peyré, "Wasserstein regularization of imaging problem", ICIP 2011, with a term for the frontier:

    E(w) = λ_L/2 ‖w − u‖² − λ_LS ⟨∇w, ∇u/‖∇u‖⟩ + λ_R TV(w) + λ_S/2 SW₂²(w, v) + λ_B/2 ‖w − f‖²_β

u the fill, v the reference, f what the fill would have to be to meet its surroundings, β how much that counts. Norms and
products are means over the hole's pixels, so that the weights mean the same for every size. TV and the norm of ∇u are
those of each channel; where ∇u is next to nothing it has no direction (and counts as 0).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tasks.correct.settings import ColourTransferSettings
from tasks.correct.smoothing import guided
from tasks.correct.transport import Double, Float, Flow, distance

_FLAT = np.float32(0.02)  # a gradient below this has no direction
_ENOUGH = 1e-3  # relative gain below which it ends
_HALVINGS = 6
_ROUNDS_TV = 60
_GUIDED_PX, _GUIDED_LEAST = 8, 0.03

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Energy:
    """u, f (h, w, 3): the fill and what it is to meet, among what is known; own (h, w) bool, True somewhere.

    frontier β (h, w); sample (M,): numbers, among the hole's pixels, of those that stand for it; reference (M, 3).
    """

    u: Float
    f: Float
    own: Bool
    frontier: Float
    sample: NDArray[np.int64]
    reference: Float
    directions: Double
    weights: ColourTransferSettings

    def __call__(self, w: Float) -> float:
        """E of w (h, w, 3), which equals u outside of the hole."""
        weights, count = self.weights, np.count_nonzero(self.own)
        mine, fill = w[self.own], self.u[self.own]
        total = weights.fidelity / 2 * _sum((mine - fill) ** 2)
        total += weights.boundary / 2 * _sum(self.frontier[self.own][:, None] * (mine - self.f[self.own]) ** 2)
        if weights.structure:
            total -= weights.structure * _sum(w * self._structure)
        if weights.variation:
            total += weights.variation * _sum(np.sqrt((_gradient(w) ** 2).sum(axis=0)))
        total /= count
        if weights.transport and len(self.sample):
            total += weights.transport / 2 * distance(mine[self.sample], self.reference, self.directions)
        return float(total)

    def descended(self) -> tuple[Float, list[float]]:
        """The w that is found from u on, and the energies on the way, each lower than the one before.

        Proximal gradient, its step halved until the energy decreases. What the transport would move is first smoothed
        over like colours nearby (J. Rabin, J. Delon and Y. Gousseau, "Removing Artefacts From Color and Contrast
        Modifications", IEEE TIP 20, 2011), so that neighbours of one colour keep one colour.
        """
        weights = self.weights
        w = self.u
        energies = [self(w)]
        first = 1 / max(weights.fidelity + weights.boundary + weights.transport / 3, 1e-9)
        for _ in range(weights.iterations):
            downhill = self._downhill(w)
            length = first
            for _ in range(_HALVINGS):
                trial = self._proximal(w + np.float32(length) * downhill, length)
                energy = self(trial)
                if energy < energies[-1]:
                    break
                length /= 2
            else:
                break
            w = trial
            energies.append(energy)
            if energies[-2] - energy < _ENOUGH * abs(energies[0] - energy):
                break
        return w, energies

    def _downhill(self, w: Float) -> Float:
        """−∇ of all that is smooth, (h, w, 3), 0 outside of the hole, times the number of the hole's pixels."""
        weights = self.weights
        result = np.float32(weights.fidelity) * (self.u - w)
        result += np.float32(weights.boundary) * self.frontier[:, :, None] * (self.f - w)
        if weights.structure:
            result += np.float32(weights.structure) * self._structure
        if weights.transport and len(self.sample):
            mine = w[self.own]
            moves = np.zeros_like(w)
            moves[self.own] = Flow(mine[self.sample], self.reference, self.directions)(mine)
            result += np.float32(weights.transport) * guided(moves, self.u, self.own, _GUIDED_PX, _GUIDED_LEAST)
        result[~self.own] = 0
        return result

    def _proximal(self, w: Float, length: float) -> Float:
        if self.weights.variation:
            # Here, not above: it takes a second to load, which every run would wait for and few use.
            from skimage.restoration import denoise_tv_chambolle

            denoised = denoise_tv_chambolle(  # type: ignore[no-untyped-call]
                w, weight=length * self.weights.variation, eps=1e-5, max_num_iter=_ROUNDS_TV, channel_axis=2
            )
            w = np.asarray(denoised, dtype=np.float32)
        return np.where(self.own[:, :, None], np.clip(w, 0, 1), self.u)

    @cached_property
    def _structure(self) -> Float:
        """∇ᵀ(∇u/‖∇u‖), (h, w, 3): its product with w is that of ∇w with the directions."""
        gradient = _gradient(self.u)
        found: Float = _adjoint(gradient / np.sqrt((gradient**2).sum(axis=0) + _FLAT**2))
        found[~self.own] = 0
        return np.asarray(found)


def _sum(values: Float) -> float:
    return float(values.sum(dtype=np.float64))


def _gradient(w: Float) -> Float:
    """Differences to the next row and to the next column, 0 at the end: (h, w, C) -> (2, h, w, C)."""
    found: Float = np.zeros((2, *w.shape), dtype=np.float32)
    found[0, :-1] = w[1:] - w[:-1]
    found[1, :, :-1] = w[:, 1:] - w[:, :-1]
    return found


def _adjoint(field: Float) -> Float:
    """The adjoint of `_gradient`: minus the divergence, (2, h, w, C) -> (h, w, C)."""
    down, across = field
    found: Float = np.zeros(down.shape, dtype=np.float32)
    found[1:] += down[:-1]
    found[:-1] -= down[:-1]
    found[:, 1:] += across[:, :-1]
    found[:, :-1] -= across[:, :-1]
    return found
