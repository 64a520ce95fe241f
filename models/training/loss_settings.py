"""Settings of what a generator is trained for: losses, critic, consistency between scales, a teacher.

Weights of the losses are LaMa's by default: L1 on known pixels 10, adversarial 10 with R1 0.001, feature matching 100,
high-receptive-field perceptual loss 30 (arXiv 2109.07161, table 6 and configs/training/big-lama.yaml).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Weight = Annotated[float, Field(ge=0)]


class Frozen(BaseModel):
    """Unknown keys are refused, values do not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EncoderSettings(Frozen):
    """A fixed feature network. A bare path in place of this mapping is a `vgg19` of any width.

    network: `vgg19`, `vgg19-torchvision`, `resnet50-dilated` (see `models.training.features`), or
    `package.module:function`, which is called with the path and returns such a network. weights: its file.
    """

    network: str = "vgg19"
    weights: Path

    @model_validator(mode="before")
    @classmethod
    def _path(cls, tree: object) -> object:
        return {"weights": tree} if isinstance(tree, str | Path) else tree


class LossSettings(Frozen):
    """Weights of the losses against the truth; 0 leaves one out.

    l1_hole, l1_known: absolute difference in the hole, on known pixels. l1_over: `region` is the mean over the hole (the
    known pixels) of each image, so that a scratch counts as much as a box; `image` divides by all pixels, as LaMa does.
    gradient: L1 of the differences of neighbours. grid: what repeats every 8 px inside wide holes (20 takes a checkerboard
    out of a generator that has one). phases: all that keeps step with 8 px there, dots of changing colour too.
    excess: grain that is stronger than the truth's, in light or in colour. spectrum: grain that is coarser or finer.
    perceptual, style: feature distance and Gram distance with `encoder`.
    hrf: high-receptive-field perceptual loss, mean squared difference of features summed over layers, with `hrf_encoder`.
    picture: what perceptual, style, hrf and the critic see: the `composite` (known pixels are the truth's, as in the
    product) or the bare `prediction` (as LaMa).
    """

    l1_hole: Weight = 0.0
    l1_known: Weight = 10.0
    l1_over: Literal["region", "image"] = "image"
    gradient: Weight = 0.0
    grid: Weight = 0.0
    phases: Weight = 0.0
    excess: Weight = 0.0
    spectrum: Weight = 0.0
    perceptual: Weight = 0.0
    style: Weight = 0.0
    encoder: EncoderSettings | None = None
    hrf: Weight = 30.0
    hrf_encoder: EncoderSettings | None = None
    picture: Literal["composite", "prediction"] = "prediction"

    @model_validator(mode="after")
    def _has_encoders(self) -> LossSettings:
        if (self.perceptual or self.style) and self.encoder is None:
            raise ValueError("perceptual and style losses need `encoder`")
        if self.hrf and self.hrf_encoder is None:
            raise ValueError("the loss hrf needs `hrf_encoder`; give one, or set hrf to 0")
        return self


class DiscriminatorSettings(Frozen):
    """A PatchGAN of `n_layers` convolutions with stride 2 and two without.

    ndf: channels after the first, doubled by each of the next up to 512. kind: `patch` has LaMa's values (64, 4),
    `small` 32 and 3, where none are given. norm: of the inner layers; `auto` is `batch`, and `instance` with a
    Wasserstein loss, whose gradient penalty is defined for one image at a time.
    """

    kind: Literal["patch", "small"] = "patch"
    ndf: int | None = Field(default=None, ge=1)
    n_layers: int | None = Field(default=None, ge=1)
    norm: Literal["auto", "batch", "instance", "none"] = "auto"


class AdversarialSettings(Frozen):
    """A critic that learns to tell fills from photos, and what the generator pays for being told.

    kind: `non_saturating` (softplus, R1 penalty on photos) or `wasserstein` (gradient penalty between photo and fill).
    weight, feature_matching: what the generator pays for the critic's score, and for other features than the truth's in
    the critic's layers. penalty: weight of R1 or of the gradient penalty (None: 0.001 and 10); penalty_every: steps
    between two penalties, each then weighs as many times more. mask_aware: only patches that the hole touches count as
    fake. mask_scaling: when a patch is touched: `nearest` (LaMa: its centre is) or `any` (a pixel is; for thin masks).
    critic_steps: updates of the critic in a step (each on a batch of its own; 5 is usual with `wasserstein`). lr: of the
    critic. start_step: before it, the generator trains without the critic: structure first.
    """

    kind: Literal["non_saturating", "wasserstein"] = "non_saturating"
    weight: Weight = 10.0
    feature_matching: Weight = 100.0
    penalty: Weight | None = None
    penalty_every: int = Field(default=1, ge=1)
    mask_aware: bool = True
    mask_scaling: Literal["nearest", "any"] = "nearest"
    critic_steps: int = Field(default=1, ge=1)
    lr: float = Field(default=1e-4, gt=0)
    start_step: int = Field(default=0, ge=0)
    discriminator: DiscriminatorSettings = DiscriminatorSettings()


class MultiscaleSettings(Frozen):
    """Several scales of one image in a step; the fills, brought to the smallest scale, should agree in the hole.

    scales: at most 1, at least two of them; weights: of the differences, one for each neighbouring pair from large to
    small. weight: of the whole. toward: `both` moves both fills of a pair, `coarse` holds the smaller one fixed (the
    scale at which structure is better guides the other). supervised: the losses of `loss` count at every scale.
    """

    scales: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (1.0, 0.5)
    weights: tuple[Weight, ...] | None = None
    weight: Weight = 1.0
    toward: Literal["both", "coarse"] = "both"
    supervised: bool = False

    @model_validator(mode="after")
    def _pairs(self) -> MultiscaleSettings:
        if len(self.scales) < 2 or list(self.scales) != sorted(set(self.scales), reverse=True):
            raise ValueError("scales: at least two, from large to small")
        if self.weights is not None and len(self.weights) != len(self.scales) - 1:
            raise ValueError("weights: one for each neighbouring pair of scales")
        return self


class DistilSettings(Frozen):
    """A larger generator to learn from. teacher: a name or a file, see `models.weights`.

    l1: absolute difference to the teacher's fill in the hole. perceptual: feature distance to it with `loss.encoder`.
    """

    teacher: str
    l1: Weight = 4.0
    perceptual: Weight = 0.0
