"""Refinement: the features of a finer scale are optimised until what they show agrees with a coarser scale.

References
----------
[1] P. Kulshreshtha, B. Pugh, S. Jiddi, "Feature Refinement to Improve High Resolution Image Inpainting", CVPR workshops
    2022, arXiv 2206.13644: 15 iterations of Adam with 0.002 on the features after the down-samplings, at most 3 scales.
[2] T. Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016, arXiv 1604.06174.

Each block's activations are computed twice rather than kept [2], convolutions are in the engine's precision, spectral
units, features and Adam's moments in fp32; crops of one shape are one batch. Who calls decides how large a crop is, so
one device is enough for any picture.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from models.engine import DeviceOutOfMemory, Engine, Image, Mask, Shape
from models.refinable import Refinable
from models.settings import Precision
from models.weights import Weights, load_weights

LEARNING_RATE = 0.002  # [1]
GRADIENT_SHARE = 4  # gradients need about this many times the memory of a plain run

log = logging.getLogger("lacuna.refiner")


class RefiningEngine(Engine):
    """An engine that can refine too. Parameters and errors are those of `Engine`.

    Its second copy of the network, whose convolutions have gradients, is made at the first call of `refine`.
    """

    def __init__(
        self,
        weights: str | Weights = "lama-small",
        device: str = "auto",
        precision: Precision = "auto",
        batch_mp: float | Literal["auto"] = "auto",
        threads: int | None = None,
    ) -> None:
        super().__init__(weights, device, precision, batch_mp, threads)
        self._source = weights
        self._network: Refinable | None = None
        self._fitting: dict[Shape, int] = {}

    def refine(self, crops: Sequence[Image], masks: Sequence[Mask], guides: Sequence[Image], steps: int) -> list[Image]:
        """Predictions for whole crops that agree with coarser predictions of them, not composited.

        crops (H, W, 3) float32 in [0, 1] and masks (H, W) bool as for `fill`; guides (h, w, 3) float32 in [0, 1], h ≤ H
        and w ≤ W: what a coarser scale made of the same window, NaN where it says nothing. `steps` ≥ 0 updates; 0 gives
        what the features show as they are. Of all steps the one with the least `objective` is returned.

        Raises ValueError for arrays of another kind, DeviceOutOfMemory when one crop alone does not fit.
        """
        if not len(crops) == len(masks) == len(guides):
            raise ValueError(f"{len(crops)} crops but {len(masks)} masks and {len(guides)} guides")
        groups: dict[tuple[Shape, Shape], list[int]] = defaultdict(list)
        for index, (crop, mask, guide) in enumerate(zip(crops, masks, guides, strict=True)):
            _check(crop, mask, guide)
            groups[(crop.shape[0], crop.shape[1]), (guide.shape[0], guide.shape[1])].append(index)
        results: dict[int, Image] = {}
        with self._repeatable():
            for (shape, _), indices in groups.items():
                todo = list(indices)
                while todo:
                    size = self._together(shape)
                    chunk = todo[:size]
                    padded = chunk + [chunk[-1]] * (size - len(chunk))  # a constant size: the same bytes
                    batch = [np.stack([which[i] for i in padded]) for which in (crops, masks, guides)]
                    made = self._refined(batch, steps)
                    if made is None:
                        self._shrink(shape, size)
                        continue
                    results |= dict(zip(chunk, made, strict=False))
                    todo = todo[size:]
        return [results[index] for index in range(len(crops))]

    def _together(self, shape: Shape) -> int:
        return self._fitting.get(shape) or max(1, self._batch_size(shape) // GRADIENT_SHARE)

    def _shrink(self, shape: Shape, size: int) -> None:
        if size == 1:
            raise DeviceOutOfMemory(f"one crop of {shape[0]} × {shape[1]} px does not fit with its gradients")
        self._fitting[shape] = size // 2
        log.warning("out of device memory: %d crops of %d × %d px refined at once from now on", size // 2, *shape)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _refined(self, batch: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.generic]]], steps: int) -> Image | None:
        """(B, H, W, 3), (B, H, W), (B, h, w, 3) -> (B, H, W, 3); None when memory is not enough."""
        if self._network is None:
            loaded = load_weights(self._source) if isinstance(self._source, str) else self._source
            self._network = Refinable(loaded.build(), self._device, self._dtype)
        crops, masks, guides = (torch.from_numpy(part).to(self._device) for part in batch)
        crops, guides = crops.permute(0, 3, 1, 2), guides.permute(0, 3, 1, 2)
        try:
            made = refine(self._network, crops, masks[:, None], guides, steps, self._padded(tuple(masks.shape[1:])))
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            typed = isinstance(error, torch.OutOfMemoryError | MemoryError)
            if typed or "DefaultCPUAllocator" in str(error) or "ALLOC_FAILED" in str(error):
                return None  # the caller goes on outside the handler, whose traceback keeps the failed tensors alive
            raise
        pixels: Image = made.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return pixels


def _check(crop: Image, mask: Mask, guide: Image) -> None:
    for name, values in (("crop", crop), ("guide", guide)):
        if values.ndim != 3 or values.shape[2] != 3 or values.dtype != np.float32 or 0 in values.shape:
            raise ValueError(f"a {name} is (H, W, 3) float32, not {values.shape} {values.dtype}")
    if mask.shape != crop.shape[:2] or mask.dtype != np.bool_:
        raise ValueError(f"a mask is {crop.shape[:2]} bool, not {mask.shape} {mask.dtype}")
    if guide.shape[0] > crop.shape[0] or guide.shape[1] > crop.shape[1]:
        raise ValueError(f"a guide is no larger than its crop: {guide.shape[:2]} for {crop.shape[:2]}")


def refine(network: Refinable, image: Tensor, hole: Tensor, guide: Tensor, steps: int, padded: Shape) -> Tensor:
    """image (B, 3, H, W), hole (B, 1, H, W) bool, guide (B, 3, h, w) -> (B, 3, H, W) of the least objective of each."""
    h, w = image.shape[-2:]
    image = torch.where(hole, 0, image)
    shown = torch.cat([image, hole.to(image.dtype)], 1)
    # as the engine pads: mirrored with the border itself repeated
    rows, columns = (_mirrored(have, want, image.device) for have, want in ((h, padded[0]), (w, padded[1])))
    with torch.no_grad():
        features, maps = network.front(shown[:, :, rows][:, :, :, columns])
    features = [part.float().requires_grad_() for part in features]
    adam = torch.optim.Adam(features, lr=LEARNING_RATE)
    least = image.new_full((len(image),), torch.inf)
    best = torch.zeros_like(image)
    for step in range(steps + 1):
        with torch.set_grad_enabled(step < steps):
            prediction = network.rear(features, maps)[..., :h, :w]
            value = objective(prediction, image, hole, guide)
        better = (value < least).detach()
        least = torch.where(better, value.detach(), least)
        best = torch.where(better[:, None, None, None], prediction.detach(), best)
        if step < steps:
            adam.zero_grad()
            value.sum().backward()  # type: ignore[no-untyped-call]
            adam.step()
    return best


def objective(prediction: Tensor, image: Tensor, hole: Tensor, guide: Tensor) -> Tensor:
    """[1]: mean |scaled-down prediction − guide| in the hole + mean |prediction − image| outside it; (B,).

    All (B, 3, H, W) but hole (B, 1, H, W) bool and guide (B, 3, h, w). Means over areas scale down. A pixel of the guide
    counts where it is hole entirely ([1] erodes the hole to the same end) and no NaN.
    """
    silent = guide.isnan().any(1, keepdim=True)
    guide = torch.where(silent, 0, guide)
    small, share = _mean(prediction, guide), _mean(hole.to(prediction.dtype), guide)
    inner = ((share > 1 - 1e-4) & ~silent).to(prediction.dtype)
    known = (~hole).to(prediction.dtype)
    return _masked_l1(small, guide, inner) + _masked_l1(prediction, image, known)


def _masked_l1(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    total = ((a - b).abs() * weight).sum((1, 2, 3))
    return total / (a.shape[1] * weight.sum((1, 2, 3))).clamp(min=1)


def _mean(x: Tensor, like: Tensor) -> Tensor:
    """Means over areas, as two products: torch's adaptive pooling adds gradients in any order on a GPU."""
    rows, columns = (_areas(x.shape[d], like.shape[d], x) for d in (2, 3))
    return rows @ x @ columns.T


def _areas(source: int, target: int, like: Tensor) -> Tensor:
    """(target, source): which share of a target pixel each source pixel is."""
    edges = torch.arange(target + 1, dtype=torch.float64) * (source / target)
    pixels = torch.arange(source, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    return (overlap.clamp(min=0) * (target / source)).to(like)


def _mirrored(have: int, want: int, device: torch.device) -> Tensor:
    index = torch.arange(want, device=device) % (2 * have)
    return torch.minimum(index, 2 * have - 1 - index)
