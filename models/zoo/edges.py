"""Edges of photos by Canny's detector, of known pixels only where there is a hole."""

from __future__ import annotations

import numpy as np
import torch
from skimage.feature import canny
from torch import Tensor

LUMA = (0.2125, 0.7154, 0.0721)  # of linear Rec. 709, as scikit-image's `rgb2gray`
SIGMA_PX = 2.0  # arXiv 1901.00212: the best of those tried there


def grey_of(image: Tensor) -> Tensor:
    """RGB (B, 3, H, W) in [0, 1] -> luma (B, 1, H, W)."""
    weights = image.new_tensor(LUMA).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True)


def canny_edges(grey: Tensor, mask: Tensor | None = None, sigma: float = SIGMA_PX) -> Tensor:
    """Thin edges of grey images: (B, 1, H, W) in [0, 1] -> the same shape, 1 on an edge, else 0.

    mask: (B, 1, H, W), 1 in the hole; what is there is not looked at, and neither the hole nor its border has an edge.
    sigma: of the Gaussian filter, px. J. Canny, "A Computational Approach to Edge Detection", IEEE PAMI 8, 1986;
    scikit-image's, with its thresholds 0.1 and 0.2.
    """
    images = grey.detach().float().cpu().numpy()[:, 0].astype(np.float64)
    found = np.empty(images.shape, np.float32)
    for index, image in enumerate(images):
        known = None if mask is None else mask[index, 0].detach().cpu().numpy() < 0.5
        found[index] = canny(image, sigma=sigma, mask=known)  # type: ignore[no-untyped-call]
    return torch.from_numpy(found)[:, None].to(grey.device)
