"""Filling with a Deep Image Prior: a fresh network for each picture, fitted to its known pixels, stopped in time.

A network that is fitted for long enough draws noise into the hole. When to stop is read off known pixels that the fit does
not see: small squares of a fringe around the hole. What is returned is the running mean of the outputs ([1], section 2) as
it stood when its error on those squares was least.

[1] D. Ulyanov, A. Vedaldi, V. Lempitsky, "Deep Image Prior", CVPR 2018, arXiv 1711.10925.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from models.engine import EngineInfo, Image, Mask, check_crop, find_device
from models.training.loss_settings import Frozen
from models.zoo.dip import NETWORKS, DipConfig, EncoderDecoder
from models.zoo.filler import Filler, Given, image_of, tensors_of

AMPLITUDE = 0.1  # of the noise that goes in, uniform from 0


class DipOptions(Frozen):
    """max_iterations: of Adam with learning rate `lr`. max_s: seconds for one batch of pictures, after which the best so
    far is taken; the result then depends on the machine's speed (None, the default: it does not).
    jitter: standard deviation of the noise added to the input anew at each iteration. memory: of the mean of outputs.
    patience: iterations without improvement on held-out pixels after which a picture is done. fringe_px, held_out: how far
    around the hole pixels are held out, and which share of them; 0 holds none out, and the last iteration counts. batch:
    pictures of one size that are fitted together (on a GPU); results of another number differ in their last bits, so the
    last batch is filled up with copies. network: its channels. seed: of weights and noise, the same for every picture.
    """

    max_iterations: int = Field(default=1000, ge=1)
    max_s: float | None = Field(default=None, gt=0)
    lr: float = Field(default=0.01, gt=0)
    jitter: float = Field(default=0.03, ge=0)
    memory: float = Field(default=0.98, ge=0, lt=1)
    patience: int = Field(default=400, ge=1)
    fringe_px: int = Field(default=12, ge=1)
    held_out: float = Field(default=0.1, ge=0, le=0.5)
    batch: int = Field(default=1, ge=1)
    network: DipConfig = DipConfig()
    seed: int = Field(default=0, ge=0)


@dataclass
class _Fit:
    """One picture while it is fitted: (1, 3, H, W), and what is fitted and what is held out, (1, 1, H, W)."""

    truth: Tensor
    fitted: Tensor
    held: Tensor
    mean: Tensor | None = None
    best: Tensor | None = None
    error: float = float("inf")
    best_at: int = 0
    iterations: int = 0
    done: bool = field(default=False)

    def follow(self, output: Tensor, options: DipOptions, iteration: int) -> None:
        """After an iteration, from 1: its output (1, 3, H, W)."""
        memory = min(options.memory, iteration / (10 + iteration))
        self.mean = output.clone() if self.mean is None else self.mean.lerp_(output, 1 - memory)
        self.iterations = iteration
        seen = self.held if options.held_out and bool(self.held.any()) else None
        if seen is None:
            self.best = self.mean
        else:
            error = float(((self.mean - self.truth).square() * seen).sum() / (3 * seen.sum()))
            if error < self.error:
                self.error, self.best, self.best_at = error, self.mean.clone(), iteration
            self.done = iteration - self.best_at >= options.patience


class DipFiller:
    """See `models.zoo.filler.Filler`. iterations: of each picture of the last call, in its order."""

    def __init__(self, kind: str, given: Given) -> None:
        self.options = given.chosen(DipOptions)
        self._kind = kind
        self._device = find_device(given.device)
        self._bf16 = given.precision == "bf16"
        self.info: EngineInfo = given.info(self._device, bf16=self._bf16)
        self.iterations: list[int] = []

    def fill(self, crops: Sequence[Image], masks: Sequence[Mask]) -> list[Image]:
        """Predictions, not composited. Raises ValueError for arrays of another kind and a crop without a known pixel."""
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, (crop, mask) in enumerate(zip(crops, masks, strict=True)):
            check_crop(crop, mask)
            if mask.all():
                raise ValueError("the mask leaves no known pixel to fit")
            groups[mask.shape].append(index)
        found: dict[int, tuple[Image, int]] = {}
        size = self.options.batch
        for indices in groups.values():
            for chunk in (indices[start : start + size] for start in range(0, len(indices), size)):
                filled_up = chunk + [chunk[-1]] * (size - len(chunk))
                fits = self._fit([self._prepared(crops[i], masks[i]) for i in filled_up])
                h, w = masks[chunk[0]].shape
                for index, fit in zip(chunk, fits, strict=False):
                    assert fit.best is not None
                    found[index] = image_of(fit.best[0, :, :h, :w]), fit.iterations
        self.iterations = [found[index][1] for index in range(len(crops))]
        return [found[index][0] for index in range(len(crops))]

    def _prepared(self, crop: Image, mask: Mask) -> _Fit:
        held = held_out(mask, self.options.fringe_px, self.options.held_out, self.options.seed)
        side = 2 * self.options.network.multiple  # two pixels at the coarsest level, for its reflection
        extra = [(0, max(0, side - mask.shape[0])), (0, max(0, side - mask.shape[1]))]
        padded = np.pad(crop, [*extra, (0, 0)], mode="edge")
        outside = np.pad(np.zeros_like(mask), extra, constant_values=True)
        hole, held = np.pad(mask, extra) | outside, np.pad(held, extra)
        truth, unknown = tensors_of(padded, hole, self.options.network.multiple, self._device)
        _, seen = tensors_of(padded, held, self.options.network.multiple, self._device)
        return _Fit(truth, (1 - unknown) * (1 - seen), seen)

    def _fit(self, fits: list[_Fit]) -> list[_Fit]:
        options, count = self.options, len(fits)
        generator = torch.Generator().manual_seed(options.seed)
        network = _seeded(self._kind, options, count)
        network.to(self._device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        shape = (1, options.network.noise, *fits[0].truth.shape[2:])
        noise = AMPLITUDE * torch.rand(shape, generator=generator)
        optimiser = torch.optim.Adam(network.parameters(), options.lr)
        truth, fitted = (torch.cat([getattr(fit, name) for fit in fits]) for name in ("truth", "fitted"))
        weight = fitted / (3 * fitted.sum((1, 2, 3), keepdim=True)).clamp(min=1)  # each picture's mean
        started = time.monotonic()
        flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with flags, torch.enable_grad():
            for iteration, z in enumerate(self._inputs(noise, generator), 1):
                entered = z.repeat(1, count, 1, 1).to(self._device, memory_format=torch.channels_last)
                with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
                    output = network(entered)
                made = output.float().view(count, 3, *shape[2:])
                loss = ((made - truth).square() * weight).sum()
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                for fit, one in zip(fits, made.detach().split(1), strict=True):
                    if not fit.done:
                        fit.follow(one, options, iteration)
                late = options.max_s is not None and time.monotonic() - started > options.max_s
                if late or all(fit.done for fit in fits):
                    break
        return fits

    def _inputs(self, noise: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
        for _ in range(self.options.max_iterations):
            jitter = self.options.jitter
            yield noise + jitter * torch.randn(noise.shape, generator=generator) if jitter else noise


def held_out(mask: Mask, fringe_px: int, share: float, seed: int) -> Mask:
    """Known pixels (H, W) that the fit does not see: about `share` of a fringe around the hole, in squares of 2 × 2."""
    if not share or not mask.any():
        return np.zeros_like(mask)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * fringe_px + 1, 2 * fringe_px + 1))
    fringe = cv2.dilate(mask.astype(np.uint8), kernel).astype(bool) & ~mask
    h, w = mask.shape
    drawn = np.random.default_rng(seed).random((-(-h // 2), -(-w // 2))) < share
    squares: Mask = drawn.repeat(2, 0).repeat(2, 1)[:h, :w] & fringe
    return squares


def _seeded(kind: str, options: DipOptions, count: int) -> EncoderDecoder:
    """Networks for so many pictures, each with the same weights: a result does not depend on its place in the batch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        one = NETWORKS[kind](options.network)
        if count == 1:
            return one
        many = NETWORKS[kind](options.network, count)
    with torch.no_grad():
        for theirs, own in zip(many.parameters(), one.parameters(), strict=True):
            theirs.copy_(own.repeat(count, *[1] * (own.ndim - 1)))
    return many


def build(given: Given) -> Filler:
    """`EncoderDecoder`. Raises ValueError for an unknown option or a missing device."""
    return DipFiller("plain", given)


def build_skip(given: Given) -> Filler:
    """`EncoderDecoderSkipConnections`."""
    return DipFiller("skip", given)


def build_residual(given: Given) -> Filler:
    """`EncoderDecoderResidualConnections`."""
    return DipFiller("residual", given)
