"""Contextual attention: every place of a feature map is put together anew from patches of the known part of the map.

References
----------
[1] J. Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018, arXiv 1801.07892, section 4.1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-4  # of the patches' norms: a patch of zeros is like none


class ContextualAttention(nn.Module):
    """The differentiable layer of [1]; it learns nothing itself.

    Foreground and background are first taken at every `rate`-th position, which makes the comparison rate⁴ times cheaper.

    Matching. With f the ksize × ksize patch around a position p of the foreground, b that around q of the background
    (zeros outside), the score is the cosine s(p, q) = ⟨f, b⟩ / (‖f‖·‖b‖).
    Propagation. A neighbour is likely to be matched by the match's neighbour: s′(p, q) = Σ s(p + i, q + i) over shifts i
    of −(k−1)/2 … (k−1)/2 to the left and right, then likewise s″ up and down, with k = `fuse_k`; a pair
    of which one lies outside counts 0. fuse_k of 1 leaves it out.
    Attention. softmax over q of scale · s″(p, q), among those q whose patch has no pixel of the hole; the weights of all
    others are 0.
    Pasting. Each position takes the weighted sum of the background's patches of 2·rate × 2·rate at full resolution, those
    around the positions that were compared; where patches overlap, their mean.

    The official code differs in details that the paper does not mention: it leaves out ‖f‖, propagates in the flattened
    map (so that the end of a row has the start of the next one as its neighbour), and lets patches with hole take part in
    the softmax with a score of 0 before they are dropped.
    """

    def __init__(self, ksize: int = 3, rate: int = 2, fuse_k: int = 3, scale: float = 10.0) -> None:
        super().__init__()
        if ksize % 2 == 0 or fuse_k % 2 == 0 or min(ksize, fuse_k, rate) < 1:
            raise ValueError(f"ksize and fuse_k are odd, rate at least 1, not {ksize}, {fuse_k}, {rate}")
        self.ksize, self.rate, self.fuse_k, self.scale = ksize, rate, fuse_k, scale

    def forward(self, foreground: Tensor, background: Tensor, mask: Tensor) -> Tensor:
        """foreground (B, C, H, W), background (B, C, H′, W′), mask (B, 1, H′, W′), 1 in the background's hole.

        All sides are multiples of `rate`. Returns (B, C, H, W); zeros for an image without a patch that is known. Always
        computed in fp32 at least: it compares sums of many products.
        """
        with torch.autocast(foreground.device.type, enabled=False):
            foreground, background = (x if x.dtype == torch.float64 else x.float() for x in (foreground, background))
            made: Tensor = self.pasted(self.weights(foreground, background, mask), background, foreground)
        return made

    def weights(self, foreground: Tensor, background: Tensor, mask: Tensor) -> Tensor:
        """(B, h, w, h′·w′), h = H / rate …: how much each position of the foreground takes of each patch."""
        r = self.rate
        f, b = foreground[..., ::r, ::r], background[..., ::r, ::r]
        (h, w), (hb, wb) = f.shape[-2:], b.shape[-2:]
        scores = self._unit_patches(f).transpose(1, 2) @ self._unit_patches(b)  # (B, h·w, h′·w′)
        scores = scores.view(len(f), h, w, hb, wb)
        if self.fuse_k > 1:
            scores = propagated(propagated(scores, (2, 4), self.fuse_k), (1, 3), self.fuse_k)
        known = self.known(mask)[:, None, None]
        logits = (self.scale * scores.flatten(3)).masked_fill(~known, -torch.inf)
        # without any known patch all are −∞, of which a softmax is no number
        logits = logits.masked_fill(~known.any(-1, keepdim=True), 0)
        return logits.softmax(-1) * known

    def known(self, mask: Tensor) -> Tensor:
        """(B, 1, H′, W′) -> (B, h′·w′) bool: patches without any pixel of the hole."""
        hole = F.max_pool2d(mask.float(), self.rate)
        touched = F.max_pool2d(hole, self.ksize, stride=1, padding=self.ksize // 2)
        return touched.flatten(1) == 0

    def pasted(self, weights: Tensor, background: Tensor, like: Tensor) -> Tensor:
        """Weighted patches of the background, averaged where they overlap: (B, C, H, W), H and W those of `like`."""
        r = self.rate
        size = (like.shape[-2], like.shape[-1])
        shape = {"kernel_size": 2 * r, "stride": r, "padding": (r + 1) // 2}
        patches = _unfold(background, **shape)  # (B, C·4r², h′·w′)
        taken = patches @ weights.flatten(1, 2).transpose(1, 2)
        count = _fold(torch.ones_like(taken[:1, : 4 * r * r]), size, **shape)
        return _fold(taken, size, **shape) / count

    def _unit_patches(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C·ksize², h·w), each of norm 1."""
        patches = F.unfold(x, self.ksize, padding=self.ksize // 2)
        # the square root has no slope at 0
        norm = patches.square().sum(1, keepdim=True).clamp(min=EPS * EPS).sqrt()
        return patches / norm


def propagated(scores: Tensor, dims: tuple[int, int], k: int) -> Tensor:
    """Sum over i of −(k−1)/2 … (k−1)/2 of the scores with both `dims` shifted by i, zeros from outside."""
    total = scores
    for shift in range(1, k // 2 + 1):
        total = total + _shifted(scores, dims, shift) + _shifted(scores, dims, -shift)
    return total


def _shifted(scores: Tensor, dims: tuple[int, int], shift: int) -> Tensor:
    """`result[…, p, …, q, …] = scores[…, p + shift, …, q + shift, …]`, zero where one lies outside."""
    found = scores
    for dim in dims:
        length = scores.shape[dim]
        steps = min(abs(shift), length)
        kept = found.narrow(dim, steps if shift > 0 else 0, length - steps)
        outside = torch.zeros_like(found.narrow(dim, 0, steps))
        found = torch.cat([kept, outside] if shift > 0 else [outside, kept], dim)
    return found


def _unfold(x: Tensor, kernel_size: int, stride: int, padding: int) -> Tensor:
    """As `F.unfold`, one patch for each `stride`: for odd strides one row and column of zeros less at the end."""
    extra = kernel_size - stride - 2 * padding
    padded = F.pad(x, (padding, padding + extra, padding, padding + extra))
    return F.unfold(padded, kernel_size, stride=stride)


def _fold(patches: Tensor, size: tuple[int, int], kernel_size: int, stride: int, padding: int) -> Tensor:
    """The transpose of `_unfold`: patches added up, (B, C, *size)."""
    extra = kernel_size - stride - 2 * padding
    full = (size[0] + 2 * padding + extra, size[1] + 2 * padding + extra)
    made = F.fold(patches, full, kernel_size, stride=stride)
    return made[..., padding : padding + size[0], padding : padding + size[1]]
