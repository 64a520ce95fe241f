"""Statistics of features that make a texture what it is, as distances from those of a reference."""

from typing import Protocol

import torch
from torch import Tensor

_LEAST = 0.1  # of the deviation along the liveliest axis: what varies less is not made to count as much


class Statistic(Protocol):
    """A distance of features (N, C) from a reference: 0 when they have its statistics."""

    def __call__(self, features: Tensor) -> Tensor: ...


class Sliced:
    """SW₂²: E. Heitz et al., "A Sliced Wasserstein Loss for Neural Texture Synthesis", CVPR 2021, arXiv 2006.07229.

    The mean over fixed directions, those of the features' axes among them, of the squared difference of the sorted
    projections; features are whitened as the reference's are, so that what it never does counts as much as what it does.
    It tells whole distributions apart, where Gram matrices tell second moments.
    """

    def __init__(self, reference: Tensor, directions: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        ways = torch.randn(reference.shape[1], directions, generator=generator)
        # The axes themselves too: in what is never done, an excess along one axis is lost among all others.
        self._ways = _whitening(reference) @ torch.cat([torch.eye(len(ways)), ways / ways.norm(dim=0)], 1)
        self._sorted = (reference @ self._ways).sort(dim=0).values

    def __call__(self, features: Tensor) -> Tensor:
        """features (N, C), as many as the reference has."""
        return ((features @ self._ways).sort(dim=0).values - self._sorted).square().mean()


class Gram:
    """Mean squared difference of Gram matrices over the reference's mean square.

    L. Gatys, A. Ecker and M. Bethge, "Texture Synthesis Using Convolutional Neural Networks", NIPS 2015. Features
    are whitened around the mean, as the reference's are, and 1 is added to them, so that means count as much.
    """

    def __init__(self, reference: Tensor) -> None:
        self._whitening, self._mean = _whitening(reference), reference.mean(dim=0)
        self._gram = self._of(reference)

    def __call__(self, features: Tensor) -> Tensor:
        """features (N, C)."""
        return (self._of(features) - self._gram).square().mean() / self._gram.square().mean()

    def _of(self, features: Tensor) -> Tensor:
        units = (features - self._mean) @ self._whitening
        units = torch.cat([units, torch.ones_like(units[:, :1])], 1)
        return units.T @ units / len(units)


def _whitening(reference: Tensor) -> Tensor:
    """(C, C): reference (N, C) times this has uncorrelated channels of deviation 1, or less where it hardly varies."""
    off = (reference - reference.mean(dim=0)).double()
    values, axes = torch.linalg.eigh(off.T @ off / len(off))
    spread = values.clamp(min=0).sqrt()
    found: Tensor = (axes / (spread.clamp(min=_LEAST * float(spread[-1])) + 1e-4)).float()
    return found
