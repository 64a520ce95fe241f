"""Tensors as torch's files hold them: a storage (numbers one after another) and a view into it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import Tensor

from models.checkpoint.pickles import Global, Made, Persistent
from models.weights import WeightsInvalid

DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# What makes a tensor: of a storage, offset, shape and stride; or of another tensor, its first argument.
REBUILD = {
    Global("torch._utils", "_rebuild_tensor"),
    Global("torch._utils", "_rebuild_tensor_v2"),
}
REWRAP = {
    Global("torch._utils", "_rebuild_parameter"),
    Global("torch._utils", "_rebuild_parameter_with_state"),
    Global("torch.nn.parameter", "Parameter"),
}
LARGEST = 1 << 48  # of any size or offset: sums and products of a few stay exact


@dataclass(frozen=True, slots=True)
class Storage:
    """`numel` numbers of one type under a name that the file gave them."""

    key: str
    dtype: torch.dtype
    numel: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.numel * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A view of a storage; nothing has been read yet."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    def view(self, data: bytearray) -> Tensor:
        """The tensor, given the bytes of its storage (which it goes on using).

        Raises WeightsInvalid for a view that reaches beyond its storage, or has more numbers than that.
        """
        if not self.numel:
            return torch.empty(self.shape, dtype=self.storage.dtype)
        last = self.offset + sum((side - 1) * step for side, step in zip(self.shape, self.stride, strict=True))
        if self.numel > self.storage.numel or last >= self.storage.numel or len(data) != self.storage.size:
            raise WeightsInvalid(f"a tensor of shape {self.shape} is more than its storage {self.storage.key}")
        flat = torch.frombuffer(data, dtype=self.storage.dtype, count=self.storage.numel)
        return flat.as_strided(self.shape, self.stride, self.offset)


def stored_tensor(node: object) -> StoredTensor | None:
    """The tensor that a node of a pickle stands for; None when it stands for something else."""
    while isinstance(node, Made) and node.maker in REWRAP and _arguments(node):
        node = _arguments(node)[0]
    if not isinstance(node, Made) or node.maker not in REBUILD or len(_arguments(node)) < 4:
        return None
    storage, (offset, shape, stride) = stored_storage(_arguments(node)[0]), _arguments(node)[1:4]
    if storage is None or not _is_size(offset) or not _are_sizes(shape) or not _are_sizes(stride):
        return None
    return StoredTensor(storage, offset, shape, stride) if len(shape) == len(stride) else None


def stored_storage(node: object) -> Storage | None:
    """The storage that a persistent id names; None for another one."""
    # ('storage', torch.FloatStorage, key, device, numel), in the legacy format also a view, which nothing made since 2017
    if not isinstance(node, Persistent) or not isinstance(node.id, tuple) or len(node.id) not in (5, 6):
        return None
    kind, named, key, _, numel = node.id[:5]
    if kind != "storage" or not isinstance(named, Global) or named.name not in DTYPES or not _is_size(numel):
        return None
    if not isinstance(key, str) or (len(node.id) == 6 and node.id[5] is not None):
        return None
    return Storage(key, DTYPES[named.name], numel)


def _arguments(node: Made) -> tuple[object, ...]:
    return node.arguments if isinstance(node.arguments, tuple) else ()


def _is_size(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < LARGEST


def _are_sizes(values: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(values, tuple) and len(values) <= 8 and all(map(_is_size, values))
