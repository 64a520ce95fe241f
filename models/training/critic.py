"""The critic of a run: a discriminator, its optimiser, one update, and what the generator pays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.training.adversarial import (
    feature_matching,
    gradient_penalty,
    non_saturating_critic,
    non_saturating_generator,
    r1_penalty,
    touched_patches,
    wasserstein_critic,
    wasserstein_generator,
)
from models.training.discriminator import config_of, seeded_discriminator
from models.training.loss_settings import AdversarialSettings
from models.training.world import World

PENALTY = {"non_saturating": 0.001, "wasserstein": 10.0}
BETAS = {"non_saturating": (0.9, 0.999), "wasserstein": (0.0, 0.9)}


class Critic:
    """Learns to tell fills from photos. Everything random comes from the generators that are passed in.

    autocast: whether plain passes run in bf16; penalties, which are differentiated twice, always run in fp32.
    """

    def __init__(
        self, settings: AdversarialSettings, seed: int, device: torch.device, autocast: bool, world: World
    ) -> None:
        self.settings = settings
        self.network = seeded_discriminator(config_of(settings.discriminator, settings.kind), seed).to(device).train()
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.lr, betas=BETAS[settings.kind])
        self._device, self._autocast, self._world = device, autocast, world
        self._penalty = PENALTY[settings.kind] if settings.penalty is None else settings.penalty

    def update(
        self,
        real: Tensor,
        fake: Tensor,
        mask: Tensor,
        step: int,
        rng: np.random.Generator,
        rate: float = 1.0,
        clip_norm: float = 1.0,
    ) -> dict[str, Tensor]:
        """One step of the critic on photos and fills (B, 3, H, W) and holes (B, 1, H, W); returns the parts of its loss.

        rate: what the learning rate is multiplied by.
        """
        self.network.requires_grad_(True)
        real, fake = real.detach(), fake.detach()
        due = bool(self._penalty) and step % self.settings.penalty_every == 0
        penalty = None
        if due and self.settings.kind == "non_saturating":
            real_scores, penalty = r1_penalty(self._scores, real)
        else:
            real_scores, _ = self._pass(real)
        fake_scores, _ = self._pass(fake)
        touched = self._touched(mask, fake_scores)
        if self.settings.kind == "non_saturating":
            loss = non_saturating_critic(real_scores, fake_scores, touched)
        else:
            loss = wasserstein_critic(real_scores, fake_scores, touched)
            if due:
                share = torch.from_numpy(rng.random((len(real), 1, 1, 1), np.float32)).to(self._device)
                penalty = gradient_penalty(self._scores, real, fake, share)
        parts = {"critic": loss, "critic_real": real_scores.mean(), "critic_fake": fake_scores.mean()}
        total = loss
        if penalty is not None:
            parts["critic_penalty"] = penalty
            total = loss + self._penalty * self.settings.penalty_every * penalty
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self._world.mean_(parameter.grad for parameter in self.network.parameters())
        nn.utils.clip_grad_norm_(self.network.parameters(), clip_norm)
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.lr * rate
        self.optimiser.step()
        return {name: value.detach() for name, value in parts.items()}

    def parts(self, real: Tensor, fake: Tensor, mask: Tensor) -> dict[str, tuple[Tensor, float]]:
        """What the generator pays for its fills, with weights: the critic's score, and features unlike the truth's."""
        self.network.requires_grad_(False)
        scores, features = self._pass(fake)
        found: dict[str, tuple[Tensor, float]] = {}
        if self.settings.kind == "non_saturating":
            score = non_saturating_generator(scores)
        else:
            score = wasserstein_generator(scores, self._touched(mask, scores))
        found["adversarial"] = (score, self.settings.weight)
        if self.settings.feature_matching:
            with torch.no_grad():
                _, wanted = self._pass(real)
            found["feature_matching"] = (feature_matching(features, wanted), self.settings.feature_matching)
        return found

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        return {
            "config": asdict(self.network.config),
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state()`. Raises ValueError when it belongs to another discriminator."""
        if state["config"] != asdict(self.network.config):
            raise ValueError(f"the checkpoint's discriminator has {state['config']}, the settings ask for another")
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])

    def buffers(self) -> Iterable[Tensor]:
        """Running statistics, which workers average."""
        return (buffer for buffer in self.network.buffers() if buffer.is_floating_point())

    def _touched(self, mask: Tensor, scores: Tensor) -> Tensor | None:
        return touched_patches(mask, scores, self.settings.mask_scaling) if self.settings.mask_aware else None

    def _pass(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._autocast):
            scores, features = self.network(image)
        return scores.float(), features

    def _scores(self, image: Tensor) -> Tensor:
        with torch.autocast(self._device.type, enabled=False):
            scores: Tensor = self.network(image)[0]
        return scores
