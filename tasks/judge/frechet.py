"""Measure `fid`: how far the filled pictures of a set are from the true ones as a set. Needs a network's weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Double = NDArray[np.float64]


class PooledFeatures:
    """The features that FID compares: InceptionV3's last average, 2048 numbers of a picture with the published weights.

    weights: safetensors or a torch file of plain tensors, with torchvision's names (see `models.backbones.inception`).
    Raises FileNotFoundError, ValueError for a damaged file, KeyError for a missing tensor, RuntimeError where shapes do
    not fit.
    """

    def __init__(self, weights: Path) -> None:
        from models.backbones.inception import Inception
        from models.training.features import read_tensors

        self._network = Inception(read_tensors(weights))

    def __call__(self, picture: Float) -> Float:
        """(H, W, 3) float32 in [0, 1] -> (C,) float32."""
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
            return np.asarray(self._network.features(x)[0].numpy())


def frechet_distance(a: Double, b: Double) -> float:
    """Fréchet distance of the normal distributions with the means and covariances of two sets: (N, D), (M, D).

    |μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½); from 0: alike, lower is better. M. Heusel et al., "GANs Trained by a Two
    Time-Scale Update Rule Converge to a Local Nash Equilibrium", NeurIPS 2017. With centred A and B, Σ = AᵀA / (N − 1), the
    eigenvalues of Σ_a Σ_b are the squared singular values of A Bᵀ over both counts, so the root's trace is their sum: exact
    also for fewer pictures than features, where a matrix square root is not. The figure depends on how many pictures there
    are (it falls with their number): compare sets of one size. NaN for fewer than two pictures on a side.
    """
    if min(len(a), len(b)) < 2:
        return float("nan")
    means = a.mean(axis=0), b.mean(axis=0)
    left, right = ((x - mean) / np.sqrt(len(x) - 1) for x, mean in zip((a, b), means, strict=True))
    root = np.linalg.svd(left @ right.T, compute_uv=False).sum()
    spread = (left**2).sum() + (right**2).sum()
    return float(max(0.0, ((means[0] - means[1]) ** 2).sum() + spread - 2 * root))
