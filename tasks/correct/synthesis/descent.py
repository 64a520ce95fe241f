"""The descent: an energy of a picture made lower, step by step."""

from collections.abc import Callable

import torch
from torch import Tensor

_HISTORY = 10
_FIRST = 0.02  # how far the first step moves the pixel that it moves most
_SLOPE = 1e-4  # a step must gain this share of what the slope promises (Armijo)
_HALVINGS = 8
_LATELY = 5  # steps over which gains are looked at


def descended(
    energy: Callable[[Tensor], Tensor], start: Tensor, iterations: int, enough: float
) -> tuple[Tensor, list[float]]:
    """What is found from `start` on, and the energies on the way, each lower than the one before.

    L-BFGS (J. Nocedal and S. Wright, "Numerical Optimization", 2006, algorithm 7.5), steps halved until the energy
    decreases as it should. It ends after so many `iterations`, where no step goes down, and where the last steps gained
    less than `enough` of what is left, each.
    """
    value, slope = _evaluated(energy, start)
    found, energies = start.detach(), [value]
    steps: list[tuple[Tensor, Tensor]] = []
    for _ in range(iterations):
        way = -_curved(slope, steps)
        promised = float((way * slope).sum())
        if promised >= 0:  # rounding: back to the slope itself
            steps, way = [], -slope
            promised = -float(slope.square().sum())
        length = 1.0 if steps else _FIRST / max(float(slope.abs().max()), 1e-12)
        for _ in range(_HALVINGS):
            trial = found + length * way
            lower, after = _evaluated(energy, trial)
            if lower < value + _SLOPE * length * promised and lower < value:
                break
            length /= 2
        else:
            if not steps:
                break
            steps = []  # what was learned of the curvature no longer holds
            continue
        moved, changed = trial - found, after - slope
        if float((moved * changed).sum()) > 1e-10 * float(changed.square().sum()):
            steps = [*steps[-_HISTORY + 1 :], (moved, changed)]
        found, value, slope = trial, lower, after
        energies.append(value)
        if len(energies) > _LATELY and energies[-1 - _LATELY] - value < _LATELY * enough * value:
            break
    return found, energies


def _evaluated(energy: Callable[[Tensor], Tensor], at: Tensor) -> tuple[float, Tensor]:
    """The energy and its gradient."""
    with torch.enable_grad():
        variable = at.detach().clone().requires_grad_(True)
        value = energy(variable)
        (slope,) = torch.autograd.grad(value, variable)
    return float(value.detach()), slope


def _curved(slope: Tensor, steps: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The inverse Hessian, as the last steps show it, times the gradient: the two-loop recursion (algorithm 7.4)."""
    found = slope.clone()
    shares = []
    for moved, changed in reversed(steps):
        share = float((moved * found).sum()) / float((moved * changed).sum())
        found = found - share * changed
        shares.append(share)
    if steps:
        moved, changed = steps[-1]
        found = found * (float((moved * changed).sum()) / float(changed.square().sum()))
    for (moved, changed), share in zip(steps, reversed(shares), strict=True):
        found = found + (share - float((changed * found).sum()) / float((moved * changed).sum())) * moved
    return found
