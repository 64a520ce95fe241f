"""What a method brings to the training loop: its networks, its optimisers, and one step of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor, nn, optim

from models.zoo.filler import Filler


@dataclass(frozen=True)
class Batch:
    """Crops (B, 3, S, S) in [0, 1], their masks (B, 1, S, S), 1 in the hole; the step's number from 0, its own randomness.

    torch's global generator is seeded for the step too. autocast: a context for forwards, bf16 where the settings say so.
    """

    truth: Tensor
    mask: Tensor
    step: int
    rng: np.random.Generator
    autocast: Callable[[], AbstractContextManager[object]]


class Recipe(Protocol):
    """A method while it learns."""

    @property
    def network(self) -> nn.Module:
        """What is exported (and averaged): its tensors' names are those of the weights file."""

    @property
    def others(self) -> Mapping[str, nn.Module]:
        """What else has a state, such as critics."""

    @property
    def optimisers(self) -> Mapping[str, optim.Optimizer]:
        """Each with its learning rate at the start; the loop lowers them."""

    @property
    def config(self) -> Mapping[str, object]:
        """What the weights file says besides its tensors: plain values for JSON."""

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        """Update everything once; returns numbers for the log, `loss` first. The network is in training mode."""
        ...

    def filler(self, network: nn.Module) -> Filler:
        """What a loaded weights file would fill with: `network` has the shape of `self.network`, evaluation mode."""
        ...
