"""The processes that train together: averages over all of them, and one of them that speaks for all.

A world of one needs no process group. `torchrun` and Ray Train both describe a larger one in the environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class World:
    """Place of this process among `size`; rank 0 writes files and keeps the time."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process speaks for all."""
        return self.rank == 0

    def mean_(self, tensors: Iterable[Tensor | None]) -> None:
        """Replace each tensor, the same ones in every process, by its mean over processes. None is left out."""
        if self.size == 1:
            return
        found = [tensor for tensor in tensors if tensor is not None]
        if not found:
            return
        flat = torch.cat([tensor.detach().reshape(-1).float() for tensor in found])
        distributed.all_reduce(flat)
        flat /= self.size
        for tensor, mean in zip(found, torch.split(flat, [tensor.numel() for tensor in found]), strict=True):
            tensor.detach().copy_(mean.view_as(tensor))

    def agreed(self, value: float, device: torch.device | str = "cpu") -> float:
        """Rank 0's value, in every process."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=device)
        distributed.broadcast(shared, src=0)
        return float(shared)


def current_world() -> World:
    """The world of the process group in force, or a world of one."""
    if distributed.is_available() and distributed.is_initialized():
        return World(distributed.get_rank(), distributed.get_world_size())
    return World()


@contextmanager
def joined() -> Iterator[World]:
    """Join the process group that `torchrun` describes in the environment, if there is one, while the body runs."""
    if current_world().size > 1 or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield current_world()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield current_world()
    finally:
        distributed.destroy_process_group()
