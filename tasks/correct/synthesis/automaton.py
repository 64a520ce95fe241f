"""A texture grown by a neural cellular automaton, trained for one exemplar.

A. Mordvintsev, E. Niklasson and E. Randazzo, "Texture Generation with Neural Cellular Automata", arXiv 2105.07299. Each
pixel is a cell of 12 channels, the first three its colour. A cell perceives itself, its gradient and its Laplacian, and a
small network, the same for all cells, says how it changes; in a step about half of the cells do. Here the cells around
the hole keep the picture's colours, so that what grows meets them, and the energy is the texture's (`energy`). A rule has
5,868 weights, so it cannot remember a picture: it finds a process that makes the texture, at any size.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

CHANNELS = 12
HIDDEN = 96
_POOL = 8  # states that training goes on from: what has grown once must stay
_FRESH = 4  # steps of training between two that begin with the seed
_STEPS = (8, 20)  # of the automaton, between two looks at it
_LOOKS = 4  # at the end, so many times as many steps are grown; the best that is seen counts
_HELD = 1 << 15  # pixels up to which all steps are held for the gradient; of more they are computed twice
_RATE = 1e-3
_OVERFLOW = 100.0  # weight of what lies outside the channels' range: states that run away never come back


class Rule:
    """How a cell changes: perception (4 · CHANNELS) → HIDDEN, ReLU → CHANNELS. It changes nothing until it is trained."""

    def __init__(self, generator: torch.Generator) -> None:
        first = torch.randn(HIDDEN, 4 * CHANNELS, 1, 1, generator=generator) * (2 / (4 * CHANNELS)) ** 0.5
        self.weights = [
            first.requires_grad_(True),
            torch.zeros(HIDDEN, requires_grad=True),
            torch.zeros(CHANNELS, HIDDEN, 1, 1, requires_grad=True),
            torch.zeros(CHANNELS, requires_grad=True),
        ]

    def __call__(self, state: Tensor, awake: Tensor) -> Tensor:
        """A state (1, CHANNELS, h, w) one step later; `awake` (1, 1, h, w), 1 where a cell may change, else 0."""
        hidden = torch.relu(F.conv2d(_perceived(state), self.weights[0], self.weights[1]))
        return state + F.conv2d(hidden, self.weights[2], self.weights[3]) * awake


def _perceived(state: Tensor) -> Tensor:
    """(1, C, h, w) -> (1, 4 C, h, w): itself, its Sobel gradient, its nine-point Laplacian. Sums of shifted planes: a convolution
    of so few channels is several times as slow."""
    wide = F.pad(state, (1, 1, 1, 1), "reflect")
    above, beside, below = wide[:, :, :-2], wide[:, :, 1:-1], wide[:, :, 2:]
    sums, steps = above + 2 * beside + below, below - above
    left, middle, right = sums[..., :-2], sums[..., 1:-1], sums[..., 2:]
    down = steps[..., :-2] + 2 * steps[..., 1:-1] + steps[..., 2:]
    return torch.cat([state, (right - left) / 8, down / 8, (left + 2 * middle + right - 16 * state) / 8], 1)


def grown(
    energy: Callable[[Tensor], Tensor], start: Tensor, own: Tensor, training: int, seed: int
) -> tuple[Tensor, list[float]]:
    """What an automaton makes of the hole after so many steps of `training`, and the energies seen while it learned.

    start (3, h, w) in [0, 1], what grows begins with it; own (h, w) bool: the hole, the only place where colours change; sides
    at least 2. The last energy is that of the result. Deterministic by the seed. Memory: up to 20 kB for each pixel.
    """
    generator = torch.Generator().manual_seed(seed)
    rule = Rule(generator)
    seed_state = torch.cat([start - 0.5, torch.zeros(CHANNELS - 3, *own.shape)])[None]
    range_ = torch.tensor([0.5] * 3 + [1.0] * (CHANNELS - 3)).view(1, CHANNELS, 1, 1)
    colours = torch.zeros_like(seed_state, dtype=torch.bool)
    colours[:, :3] = ~own

    def run(state: Tensor, steps: int) -> Tensor:
        for _ in range(steps):
            awake = (torch.rand(1, 1, *own.shape, generator=generator) < 0.5).float()
            twice = torch.is_grad_enabled() and own.numel() > _HELD
            following = checkpoint(rule, state, awake, use_reentrant=False) if twice else rule(state, awake)
            state = torch.where(colours, seed_state, following)
        return state

    optimiser = torch.optim.Adam(rule.weights, _RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, training), _RATE / 20)
    pool = [seed_state] * _POOL
    energies = []
    for step in range(training):
        place = step % _POOL
        begin = seed_state if step % _FRESH == 0 else pool[place]
        count = int(torch.randint(_STEPS[0], _STEPS[1] + 1, (1,), generator=generator))
        with torch.enable_grad():
            state = run(begin, count)
            value = energy(state[0, :3] + 0.5)
            (value + _OVERFLOW * F.relu(state.abs() - range_).mean()).backward()  # type: ignore[no-untyped-call]
        for weight in rule.weights:  # as the paper does: gradients through many steps differ by orders of magnitude
            assert weight.grad is not None
            weight.grad /= weight.grad.norm() + 1e-8
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        pool[place] = state.detach()
        energies.append(float(value.detach()))
    with torch.no_grad():
        state, best, least = seed_state, start, float(energy(start))
        for _ in range(_LOOKS):
            state = run(state, _STEPS[1] // 2)
            value = energy(state[0, :3] + 0.5)
            if float(value) < least:
                best, least = state[0, :3] + 0.5, float(value)
    return best, [*energies, least]
