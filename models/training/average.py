"""Averaged weights (B. Polyak, A. Juditsky, 1992): an exponential mean of a network's states, which is what is exported."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn


class Average:
    """A copy of `network` that follows it. memory: share of the old mean that a step keeps, in [0, 1)."""

    def __init__(self, network: nn.Module, memory: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._memory = memory

    def follow(self, network: nn.Module, step: int) -> None:
        """After step number `step`; the memory is short at first, so that the start does not weigh on it for ever."""
        memory = min(self._memory, (1 + step) / (10 + step))
        with torch.no_grad():
            now = network.state_dict()
            for name, mean in self.network.state_dict().items():
                if mean.is_floating_point():
                    mean.lerp_(now[name], 1 - memory)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The mean's tensors, fp32 on the CPU."""
        return {name: tensor.detach().float().cpu() for name, tensor in self.network.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        return self.network.state_dict()

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.network.load_state_dict(state)
