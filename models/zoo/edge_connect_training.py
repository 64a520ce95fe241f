"""How EdgeConnect learns, in three parts: edges; colours along true edges; colours along the edges that were learnt [1].

[1] K. Nazeri et al., "EdgeConnect: Generative Image Inpainting with Adversarial Edge Learning", arXiv 1901.00212, and the
configuration file of its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn, optim

from models.training.features import feature_network
from models.training.loss_settings import EncoderSettings, Frozen, Weight
from models.zoo.edge_connect import MULTIPLE, EdgeConnect, EdgeConnectOptions, predictor
from models.zoo.edge_connect_losses import Kind, critic_loss, generator_loss, l1_by_hole, matched, style
from models.zoo.edge_connect_networks import Discriminator, EdgeConnectConfig
from models.zoo.edges import canny_edges, grey_of
from models.zoo.filler import Filler, Given, NetworkFiller
from models.zoo.recipe import Batch
from models.zoo.settings import ZooSettings

BETAS = (0.0, 0.9)
PARTS = ("edges", "colours", "both")


class NetworkSettings(Frozen):
    """width, blocks: of the generators, see `EdgeConnectConfig`; discriminator_width: channels of the critics' first layer."""

    width: int = Field(default=64, ge=1, le=256)
    blocks: int = Field(default=8, ge=0, le=32)
    discriminator_width: int = Field(default=64, ge=1)


class LossSettings(Frozen):
    """Weights of the losses, the paper's by default [1, sections 3.1 and 3.2].

    adversarial: the kind of both critics' loss. edge_adversarial, edge_matching: of the edge generator (features of its
    discriminator). l1 (over the share of the hole), adversarial_weight, perceptual, style: of the inpainting generator;
    the last two compare features of `encoder`, perceptual of the whole picture, style with nothing but the hole in it. The
    weights are meant for VGG19: features of another network have another size, their Gram matrices its square.
    """

    adversarial: Kind = "non_saturating"
    edge_adversarial: Weight = 1.0
    edge_matching: Weight = 10.0
    l1: Weight = 1.0
    adversarial_weight: Weight = 0.1
    perceptual: Weight = 0.1
    style: Weight = 250.0
    encoder: EncoderSettings | None = None

    @model_validator(mode="after")
    def _has_encoder(self) -> LossSettings:
        if (self.perceptual or self.style) and self.encoder is None:
            raise ValueError("perceptual and style losses need `encoder`")
        return self


class EdgeConnectSettings(ZooSettings):
    """A run of EdgeConnect.

    edges_until, colours_until: shares of `steps` after which colours begin to be learnt, along true edges, and after which
    those come from the edge generator, which is then finished. (The paper trains each to convergence, and then both
    together for a while at a learning rate of 1e-6, which is left out: at that rate short runs would not notice.)
    sigma: of Canny's filter, px. critic_rate: learning rate of the discriminators over that of the generators.
    """

    method: Literal["edge-connect"]
    network: NetworkSettings = NetworkSettings()
    loss: LossSettings
    edges_until: float = Field(default=0.4, ge=0, le=1)
    colours_until: float = Field(default=0.7, ge=0, le=1)
    sigma: float = Field(default=2.0, gt=0, le=20)
    critic_rate: float = Field(default=0.1, gt=0)
    lr: float = Field(default=1e-4, gt=0)
    batch: int = Field(default=8, ge=1)

    @model_validator(mode="after")
    def _possible(self) -> EdgeConnectSettings:
        if self.edges_until > self.colours_until:
            raise ValueError("edges_until is above colours_until")
        if self.data.crop_px < 24:
            raise ValueError("data.crop_px must be at least 24, for the discriminators")
        return self

    def recipe(self, device: torch.device) -> EdgeConnectRecipe:
        """See `ZooSettings.recipe`."""
        return EdgeConnectRecipe(self, device)


class EdgeConnectRecipe:
    """See `models.zoo.recipe.Recipe`. The generators and critics that a part does not train stay as they are."""

    def __init__(self, settings: EdgeConnectSettings, device: torch.device) -> None:
        sizes, loss = settings.network, settings.loss
        config = EdgeConnectConfig(sizes.width, sizes.blocks)
        self._settings, self._device = settings, device
        self.config: Mapping[str, object] = asdict(config)
        self.network: EdgeConnect = EdgeConnect(config).to(device).train()
        edge_critic = Discriminator(2, sizes.discriminator_width).to(device).train()
        critic = Discriminator(3, sizes.discriminator_width).to(device).train()
        self.others: Mapping[str, nn.Module] = {"edge_critic": edge_critic, "critic": critic}

        def adam(module: nn.Module, rate: float = 1.0) -> optim.Optimizer:
            return optim.Adam(module.parameters(), lr=settings.lr * rate, betas=BETAS)

        self.optimisers: Mapping[str, optim.Optimizer] = {
            "edge": adam(self.network.edge),
            "inpaint": adam(self.network.inpaint),
            "edge_critic": adam(edge_critic, settings.critic_rate),
            "critic": adam(critic, settings.critic_rate),
        }
        self._features = None if loss.encoder is None else feature_network(loss.encoder, device)

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        """One step of the part that `batch.step` falls into."""
        settings = self._settings
        grey = grey_of(batch.truth)
        edges = canny_edges(grey, None, settings.sigma)
        done = batch.step / settings.steps
        if done < settings.edges_until:
            return self._edges(batch, grey, edges)
        if done >= settings.colours_until:
            with torch.no_grad(), batch.autocast():
                edges = self.network.edges(grey, edges, batch.mask).float()
        return self._colours(batch, edges)

    def filler(self, network: nn.Module) -> Filler:
        """See `models.zoo.recipe.Recipe.filler`."""
        assert isinstance(network, EdgeConnect)
        options = EdgeConnectOptions(sigma=self._settings.sigma)
        given = Given(self._settings.method, device=str(self._device), precision=self._settings.precision)
        return NetworkFiller(given, predictor(network, options), MULTIPLE)

    def _edges(self, batch: Batch, grey: Tensor, edges: Tensor) -> dict[str, Tensor]:
        """The discriminator sees grey and edges: are these the edges of this picture?"""
        weights = self._settings.loss
        with batch.autocast():
            drawn = self.network.drawn(grey, edges, batch.mask)
        real, fake = torch.cat([grey, edges], 1), torch.cat([grey, drawn.float()], 1)
        said = self._judge("edge_critic", real, fake.detach(), batch)
        with batch.autocast():
            scores, features = self._critic("edge_critic")(fake)
            _, wanted = self._critic("edge_critic")(real)
        adversarial = generator_loss(scores.float(), weights.adversarial)
        matching = matched(features, wanted)
        total = weights.edge_adversarial * adversarial + weights.edge_matching * matching
        self._update("edge", total)
        precision, recall = _agreement(drawn, edges, batch.mask)
        parts = {"adversarial": adversarial, "matching": matching, "precision": precision, "recall": recall}
        return {"loss": total} | {f"edge_{name}": value for name, value in parts.items()} | said

    def _colours(self, batch: Batch, edges: Tensor) -> dict[str, Tensor]:
        weights, truth, mask = self._settings.loss, batch.truth, batch.mask
        with batch.autocast():
            made = self.network.coloured(truth, edges, mask).float()
        said = self._judge("critic", truth, made.detach(), batch)
        with batch.autocast():
            scores, _ = self._critic("critic")(made)
        parts = {
            "l1": (l1_by_hole(made, truth, mask), weights.l1),
            "adversarial": (generator_loss(scores.float(), weights.adversarial), weights.adversarial_weight),
        }
        if self._features is not None:
            network = self._features
            with batch.autocast():
                if weights.perceptual:
                    seen = (network.features(made), network.features(truth))
                    parts["perceptual"] = (matched(*seen), weights.perceptual)
                if weights.style:
                    seen = (network.features(made * mask), network.features(truth * mask))
                    parts["style"] = (style(*seen), weights.style)
        total = torch.stack([value * weight for value, weight in parts.values()]).sum()
        self._update("inpaint", total)
        return {"loss": total} | {name: value for name, (value, _) in parts.items()} | said

    def _judge(self, name: str, real: Tensor, fake: Tensor, batch: Batch) -> dict[str, Tensor]:
        """One update of a discriminator; afterwards its parameters are held."""
        critic = self._critic(name).requires_grad_(True)
        with batch.autocast():
            real_scores, fake_scores = critic(real)[0].float(), critic(fake)[0].float()
        loss = critic_loss(real_scores, fake_scores, self._settings.loss.adversarial)
        self._update(name, loss)
        critic.requires_grad_(False)
        return {name: loss.detach(), f"{name}_real": real_scores.mean(), f"{name}_fake": fake_scores.mean()}

    def _critic(self, name: str) -> nn.Module:
        return self.others[name]

    def _update(self, name: str, loss: Tensor) -> None:
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._settings.clip_norm is not None:
            for group in optimiser.param_groups:
                nn.utils.clip_grad_norm_(group["params"], self._settings.clip_norm)
        optimiser.step()


def _agreement(drawn: Tensor, edges: Tensor, mask: Tensor, threshold: float = 0.5) -> tuple[Tensor, Tensor]:
    """Precision and recall of drawn edges in the hole; 0 where there are none."""
    found, true = ((x.float() > threshold) * mask for x in (drawn, edges))
    hits = (found * true).sum()
    return hits / found.sum().clamp(min=1), hits / true.sum().clamp(min=1)
