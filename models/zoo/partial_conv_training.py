"""Training of the partial-convolution autoencoder: MSE in the hole, or the full loss of [1].

[1] G. Liu et al., arXiv 1804.07723, eqs. 3–7: L_valid + 6 L_hole + 0.05 L_perceptual + 120 (L_style_out + L_style_comp)
    + 0.1 L_tv, on features after the first three poolings.
[2] J. Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from models.training.features import Features, feature_network
from models.training.loss_settings import EncoderSettings, Frozen, Weight
from models.training.losses import masked_l1
from models.training.masks import Kind
from models.training.objective import Parts, total_of
from models.zoo.filler import Filler, Given
from models.zoo.partial_conv import PartialConvConfig, PartialConvNet
from models.zoo.partial_conv_filler import PartialConvFiller
from models.zoo.recipe import Batch
from models.zoo.settings import ZooData, ZooSettings

POOLED = 3  # layers of the feature network that count, each after its pooling


class PartialConvLoss(Frozen):
    """kind: `mse` is the mean squared difference in the hole and looks at no weight; `full` is the sum of [1], whose
    weights stand here; perceptual and style need `encoder` (`vgg19` or `vgg19-torchvision`).
    """

    kind: Literal["mse", "full"] = "mse"
    valid: Weight = 1.0
    hole: Weight = 6.0
    perceptual: Weight = 0.05
    style: Weight = 120.0
    tv: Weight = 0.1
    encoder: EncoderSettings | None = None

    @model_validator(mode="after")
    def _has_encoder(self) -> PartialConvLoss:
        if self.kind == "full" and (self.perceptual or self.style) and self.encoder is None:
            raise ValueError("the full loss needs `encoder`; give one, or set perceptual and style to 0")
        return self


class PartialConvData(ZooData):
    """With crops of 32 px, as CIFAR-10's pictures are, at their own scale."""

    crop_px: int = Field(default=32, ge=16, multiple_of=8)
    scale_min: float = Field(default=1.0, gt=0)
    held_out_masks: tuple[Kind, ...] = ("strokes", "boxes")


class PartialConvSettings(ZooSettings):
    """Adam with `lr` 2e-4, a tenth of it every 10 epochs."""

    method: Literal["partial-conv"] = "partial-conv"
    network: PartialConvConfig = PartialConvConfig()
    loss: PartialConvLoss = PartialConvLoss()
    data: PartialConvData
    batch: int = Field(default=32, ge=1)
    lr_drop_epochs: float | None = Field(default=10.0, gt=0)
    export_name: str = Field(default="partial-conv", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")

    @model_validator(mode="after")
    def _fits(self) -> PartialConvSettings:
        if self.data.crop_px % self.network.multiple:
            raise ValueError(f"data.crop_px must be a multiple of {self.network.multiple}, for network.widths")
        return self

    def recipe(self, device: torch.device) -> PartialConvRecipe:
        """See `models.zoo.recipe.Recipe`."""
        return PartialConvRecipe(self, device)


class PartialConvRecipe:
    """See `models.zoo.recipe.Recipe`."""

    def __init__(self, settings: PartialConvSettings, device: torch.device) -> None:
        self._settings = settings
        self.network = PartialConvNet(settings.network).to(device).train()
        self.others: Mapping[str, nn.Module] = {}
        self.optimisers = {"network": torch.optim.Adam(self.network.parameters(), settings.lr)}
        self.config: Mapping[str, object] = settings.network.model_dump(mode="json")
        encoder = settings.loss.encoder if settings.loss.kind == "full" else None
        self._features = None if encoder is None else feature_network(encoder, device)
        self._device = str(device)

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        """One update; says `loss` and its parts."""
        optimiser = self.optimisers["network"]
        optimiser.zero_grad(set_to_none=True)
        with batch.autocast():
            made = self.network(batch.truth * (1 - batch.mask), batch.mask).float()
        parts = self.parts(made, batch.truth, batch.mask)
        total = total_of(parts)
        total.backward()  # type: ignore[no-untyped-call]
        if self._settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._settings.clip_norm)
        optimiser.step()
        return {"loss": total} | ({name: value for name, (value, _) in parts.items()} if len(parts) > 1 else {})

    def parts(self, made: Tensor, truth: Tensor, mask: Tensor) -> Parts:
        """Every loss with its weight; mask: 1 in the hole."""
        loss = self._settings.loss
        if loss.kind == "mse":
            return {"mse": (masked_mse(made, truth, mask), 1.0)}
        composite = torch.lerp(truth, made, mask)
        parts: Parts = {
            "valid": (masked_l1(made, truth, 1 - mask, "image"), loss.valid),
            "hole": (masked_l1(made, truth, mask, "image"), loss.hole),
            "tv": (total_variation(composite, mask), loss.tv),
        }
        if self._features is not None:
            out, comp = (pooled(self._features, picture) for picture in (made, composite))
            with torch.no_grad():
                real = pooled(self._features, truth)
            parts["perceptual"] = (perceptual(out, real) + perceptual(comp, real), loss.perceptual)
            parts["style"] = (style(out, real) + style(comp, real), loss.style)
        return parts

    def filler(self, network: nn.Module) -> Filler:
        """Crops are of the size that the network is trained on, so they are shown at their size."""
        given = Given("partial-conv", device=self._device, options={"deepest_px": None})
        return PartialConvFiller(cast("PartialConvNet", network), given)


def masked_mse(made: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean over the pixels of all holes and their channels."""
    weight = mask.expand_as(truth)
    return ((made - truth).square() * weight).sum() / weight.sum().clamp(min=1)


def total_variation(composite: Tensor, mask: Tensor) -> Tensor:
    """Absolute differences of neighbours in the hole and one pixel around it, each direction's mean over all pixels."""
    region = F.max_pool2d(mask, 3, 1, 1)
    across = (composite[..., 1:] - composite[..., :-1]).abs() * region[..., 1:] * region[..., :-1]
    down = (composite[..., 1:, :] - composite[..., :-1, :]).abs() * region[..., 1:, :] * region[..., :-1, :]
    return (across.sum() + down.sum()) / composite.numel()


def pooled(network: Features, picture: Tensor) -> list[Tensor]:
    """The first three features of a VGG, which are those before its poolings, after them: (B, C, h, w) each."""
    return [F.max_pool2d(features.float(), 2) for features in network.features(picture)[:POOLED]]


def perceptual(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Sum over layers of the mean absolute difference ([1], eq. 4)."""
    return torch.stack([F.l1_loss(x, y) for x, y in zip(a, b, strict=True)]).sum()


def style(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Sum over layers of Σ |G(a) − G(b)| / C², G the Gram matrix over C · h · w ([1], eqs. 5–6; [2]), mean over images."""

    def gram(x: Tensor) -> Tensor:
        flat = x.flatten(2)
        return flat @ flat.transpose(1, 2) / (x.shape[1] * flat.shape[2])

    return torch.stack([(gram(x) - gram(y)).abs().mean() for x, y in zip(a, b, strict=True)]).sum()
