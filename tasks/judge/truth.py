"""Measures with truth: how far a filled picture is from what was there. For photos damaged on purpose.

For object removal the original is not the truth: never score against it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

BEST_DB = 100.0  # PSNR of equal pictures, so that means stay finite
SSIM_PX = 11  # side of the window of `ssim`


@dataclass(frozen=True)
class Truth:
    """Against the truth, over the hole and (`_image`) over all pixels. See `against_truth`."""

    psnr: float
    ssim: float
    l1: float
    mse: float
    dice: float
    psnr_image: float
    ssim_image: float
    l1_image: float
    mse_image: float
    dice_image: float


def against_truth(filled: Float, truth: Float, mask: Bool) -> Truth:
    """All measures of one picture: filled, truth (H, W, 3) float32 in [0, 1], mask (H, W) bool with at least one True.

    psnr: 10 · log₁₀(1 / mse) dB, at most 100; higher is better.
    ssim: mean structural similarity of the channels, −1 to 1, higher is better: Z. Wang et al., IEEE TIP 13, 2004, with a
      Gaussian window of σ 1.5 (scikit-image's); over the hole, the mean of its map there. NaN below 11 pixels a side.
    l1, mse: mean absolute and mean squared difference, 0 to 1, lower is better.
    dice: see `dice`.
    Raises ValueError for other shapes and for an empty mask.
    """
    if filled.shape != truth.shape or truth.shape != (*mask.shape, 3):
        raise ValueError(f"(H, W, 3), twice, and a mask (H, W), not {filled.shape}, {truth.shape}, {mask.shape}")
    if not mask.any():
        raise ValueError("the mask is empty")
    off = filled.astype(np.float64) - truth
    ssim_hole, ssim_image = _ssim(filled, truth, mask)
    mse, mse_image = float((off[mask] ** 2).mean()), float((off**2).mean())
    return Truth(
        psnr=psnr(mse),
        ssim=ssim_hole,
        l1=float(np.abs(off[mask]).mean()),
        mse=mse,
        dice=dice(filled[mask], truth[mask]),
        psnr_image=psnr(mse_image),
        ssim_image=ssim_image,
        l1_image=float(np.abs(off).mean()),
        mse_image=mse_image,
        dice_image=dice(filled, truth),
    )


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error on [0, 1], at most 100."""
    return min(BEST_DB, -10 * float(np.log10(max(mse, 1e-12))))


def dice(filled: Float, truth: Float) -> float:
    """Dice coefficient of intensities, 2·Σ min(a, b) / Σ (a + b): 0 to 1, higher is better; (…) floats from 0.

    For binary pictures it is 2|A ∩ B| / (|A| + |B|) (L. Dice, Ecology 26, 1945), and equal pictures give 1, which the form
    with products does for binary ones only. Dark pictures score lower for the same error: compare methods, not sets.
    """
    a, b = (v.astype(np.float64) for v in (filled, truth))
    total = float(a.sum() + b.sum())
    return 2 * float(np.minimum(a, b).sum()) / total if total else 1.0


def _ssim(filled: Float, truth: Float, mask: Bool) -> tuple[float, float]:
    """Over the hole and over all."""
    if min(mask.shape) < SSIM_PX:
        return float("nan"), float("nan")
    mean, full = structural_similarity(  # type: ignore[no-untyped-call]
        filled,
        truth,
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return float(full[mask].mean()), float(mean)
