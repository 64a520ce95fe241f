"""How the coarse-to-fine network learns: a discounted L1 loss of both stages, and two critics of the second [1].

[1] J. Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018, arXiv 1801.07892, section 3, and the
configuration file of its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn, optim

from models.training.adversarial import wasserstein_generator
from models.training.loss_settings import Frozen, Weight
from models.zoo.contextual_attention import MULTIPLE, predictor
from models.zoo.contextual_attention_losses import critic_loss, discount, weighted_l1, windows
from models.zoo.contextual_attention_networks import CoarseToFine, ContextualAttentionConfig, WholeCritic
from models.zoo.filler import Filler, Given, NetworkFiller
from models.zoo.recipe import Batch
from models.zoo.settings import ZooSettings

BETAS = (0.5, 0.9)


class NetworkSettings(Frozen):
    """width: of the network, see `ContextualAttentionConfig`. critic_width: channels of the critics' first layer.

    local_px: side of the square around the hole's middle that the local critic sees; None: half of a crop. A multiple of 16.
    """

    width: int = Field(default=32, ge=2, le=256, multiple_of=2)
    critic_width: int = Field(default=64, ge=1)
    local_px: int | None = Field(default=None, ge=16, multiple_of=16)


class LossSettings(Frozen):
    """Weights of the losses, the official ones by default.

    hole, known: of the absolute difference in the hole (discounted by `gamma` to the power of the distance to the nearest
    known pixel) and on known pixels; coarse: what both weigh for the first stage, times these. adversarial: of both critics'
    scores; penalty: of their gradients; critic_steps: updates of the critics, each on a batch of its own, before each of
    the network: a step of the run updates the critics once, so every `critic_steps`-th one updates the network.
    critic_from: share of `steps` after which the critics begin; until then every step updates the network.
    """

    hole: Weight = 1.2
    known: Weight = 1.2
    coarse: Weight = 1.2
    gamma: float = Field(default=0.99, gt=0, le=1)
    adversarial: Weight = 0.001
    penalty: Weight = 10.0
    critic_steps: int = Field(default=5, ge=1)
    critic_from: float = Field(default=0.0, ge=0, le=1)


class ContextualAttentionSettings(ZooSettings):
    """A run of the coarse-to-fine network."""

    method: Literal["contextual-attention"]
    network: NetworkSettings = NetworkSettings()
    loss: LossSettings = LossSettings()
    lr: float = Field(default=1e-4, gt=0)

    @property
    def local_px(self) -> int:
        """What the local critic sees, px."""
        return self.network.local_px or self.data.crop_px // 32 * 16

    @model_validator(mode="after")
    def _possible(self) -> ContextualAttentionSettings:
        if self.data.crop_px % 16 or not 16 <= self.local_px <= self.data.crop_px:
            raise ValueError("data.crop_px must be a multiple of 16, at least 32, and no less than network.local_px")
        return self

    def recipe(self, device: torch.device) -> ContextualAttentionRecipe:
        """See `ZooSettings.recipe`."""
        return ContextualAttentionRecipe(self, device)


class ContextualAttentionRecipe:
    """See `models.zoo.recipe.Recipe`."""

    def __init__(self, settings: ContextualAttentionSettings, device: torch.device) -> None:
        sizes = settings.network
        config = ContextualAttentionConfig(sizes.width)
        self._settings, self._device = settings, device
        self.config: Mapping[str, object] = asdict(config)
        self.network: CoarseToFine = CoarseToFine(config).to(device).train()
        local = WholeCritic(settings.local_px, sizes.critic_width, most=8).to(device).train()
        whole = WholeCritic(settings.data.crop_px, sizes.critic_width, most=4).to(device).train()
        self.others: Mapping[str, nn.Module] = {"local": local, "global": whole}
        critics = [*local.parameters(), *whole.parameters()]
        self.optimisers: Mapping[str, optim.Optimizer] = {
            "network": optim.Adam(self.network.parameters(), lr=settings.lr, betas=BETAS),
            "critics": optim.Adam(critics, lr=settings.lr, betas=BETAS),
        }

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        """An update of the critics, or of the network, or of both: see `LossSettings.critic_steps`."""
        loss = self._settings.loss
        judged = bool(loss.adversarial) and batch.step >= loss.critic_from * self._settings.steps
        if not judged or (batch.step + 1) % loss.critic_steps == 0:
            return self._both(batch, judged)
        with torch.no_grad(), batch.autocast():
            _, fine = self.network(2 * batch.truth - 1, batch.mask)
        said = self._judge(batch, fine.float())
        return {"loss": said["critic"]} | said

    def filler(self, network: nn.Module) -> Filler:
        """See `models.zoo.recipe.Recipe.filler`."""
        assert isinstance(network, CoarseToFine)
        given = Given(self._settings.method, device=str(self._device), precision=self._settings.precision)
        return NetworkFiller(given, predictor(network), MULTIPLE)

    def _both(self, batch: Batch, judged: bool) -> dict[str, Tensor]:
        weights, truth, mask = self._settings.loss, 2 * batch.truth - 1, batch.mask
        with batch.autocast():
            coarse, fine = (made.float() for made in self.network(truth, mask))
        said = self._judge(batch, fine.detach()) if judged else {}
        hole, known = discount(mask, weights.gamma), 1 - mask
        parts = {
            "hole": (weighted_l1(fine, truth, hole, mask), weights.hole),
            "known": (weighted_l1(fine, truth, known, known), weights.known),
            "coarse_hole": (weighted_l1(coarse, truth, hole, mask), weights.hole * weights.coarse),
            "coarse_known": (weighted_l1(coarse, truth, known, known), weights.known * weights.coarse),
        }
        if judged:
            picture = torch.lerp(truth, fine, mask)
            scores = {"global": picture, "local": windows(picture, mask, self._settings.local_px)}
            paid = [wasserstein_generator(self.others[name](seen), None) for name, seen in scores.items()]
            parts["adversarial"] = (torch.stack(paid).sum(), weights.adversarial)
        total = torch.stack([value * weight for value, weight in parts.values()]).sum()
        self._update("network", total)
        return {"loss": total} | {name: value for name, (value, _) in parts.items()} | said

    def _judge(self, batch: Batch, fine: Tensor) -> dict[str, Tensor]:
        """One update of both critics; afterwards their parameters are held."""
        truth, mask, side = 2 * batch.truth - 1, batch.mask, self._settings.local_px
        picture = torch.lerp(truth, fine, mask)
        share = torch.from_numpy(batch.rng.random((len(truth), 1, 1, 1), "float32")).to(truth.device)
        seen = {
            "global": (truth, picture, mask),
            "local": tuple(windows(x, mask, side) for x in (truth, picture, mask)),
        }
        found = {}
        for name, (real, fake, hole) in seen.items():
            critic = self.others[name].requires_grad_(True)
            found[name] = critic_loss(critic, real, fake, hole, share)
        loss, penalty = (torch.stack(parts).sum() for parts in zip(*found.values(), strict=True))
        self._update("critics", loss + self._settings.loss.penalty * penalty)
        for critic in self.others.values():
            critic.requires_grad_(False)
        return {"critic": loss.detach(), "penalty": penalty.detach()}

    def _update(self, name: str, loss: Tensor) -> None:
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._settings.clip_norm is not None:
            for group in optimiser.param_groups:
                nn.utils.clip_grad_norm_(group["params"], self._settings.clip_norm)
        optimiser.step()
