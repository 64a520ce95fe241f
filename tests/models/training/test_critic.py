from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from models.training.critic import Critic
from models.training.loss_settings import AdversarialSettings
from models.training.world import World

SMALL = {"kind": "small", "ndf": 4, "n_layers": 2}
KINDS = ["non_saturating", "wasserstein"]


def make(**changes):
    settings = AdversarialSettings.model_validate({"discriminator": SMALL, "lr": 2e-3} | changes)
    return Critic(settings, 0, torch.device("cpu"), False, World())


def case():
    generator = torch.Generator().manual_seed(0)
    real = torch.rand(2, 3, 48, 48, generator=generator)
    mask = torch.zeros(2, 1, 48, 48)
    mask[..., 12:36, 8:40] = 1
    return real, torch.lerp(real, torch.full_like(real, 0.5), mask), mask


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_to_tell_fills_from_photos(kind):
    critic, (real, fake, mask) = make(kind=kind, penalty=0.001), case()
    rng = np.random.default_rng(0)
    first, *_, last = (critic.update(real, fake, mask, step, rng) for step in range(40))
    assert last["critic"] < first["critic"]
    assert last["critic_real"] - last["critic_fake"] > first["critic_real"] - first["critic_fake"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_pays_and_the_critic_stays(kind):
    critic, (real, fake, mask) = make(kind=kind), case()
    before = [p.clone() for p in critic.network.parameters()]
    fake.requires_grad_(True)
    parts = critic.parts(real, fake, mask)
    assert {name: weight for name, (_, weight) in parts.items()} == {"adversarial": 10, "feature_matching": 100}
    sum(value for value, _ in parts.values()).backward()
    assert fake.grad.abs().max() > 0
    assert all(p.grad is None and torch.equal(p, q) for p, q in zip(critic.network.parameters(), before, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_penalties_come_every_few_steps(kind):
    critic, (real, fake, mask) = make(kind=kind, penalty_every=3), case()
    rng = np.random.default_rng(0)
    due = ["critic_penalty" in critic.update(real, fake, mask, step, rng) for step in range(6)]
    assert due == [True, False, False, True, False, False]
    assert not any("critic_penalty" in make(kind=kind, penalty=0).update(real, fake, mask, 0, rng) for _ in range(1))


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_is_everything(kind):
    whole, (real, fake, mask) = make(kind=kind), case()
    for step in range(2):
        whole.update(real, fake, mask, step, np.random.default_rng(step))
    other = make(kind=kind)
    other.load(copy.deepcopy(whole.state()))
    for critic in (whole, other):
        critic.update(real, fake, mask, 2, np.random.default_rng(2), 0.5)
    for one, two in zip(whole.network.state_dict().values(), other.network.state_dict().values(), strict=True):
        assert torch.equal(one, two)


def test_another_discriminator_is_refused():
    with pytest.raises(ValueError, match="discriminator"):
        make().load(make(discriminator=SMALL | {"ndf": 8}).state())


def test_known_pixels_do_not_count_as_fake():
    """With the whole picture known, a fill is a photo: the loss is that of photos twice."""
    real, _, mask = case()
    critic = make(penalty=0)
    value = critic.update(real, real, torch.zeros_like(mask), 0, np.random.default_rng(0))["critic"]
    blind = make(penalty=0, mask_aware=False).update(real, real, mask, 0, np.random.default_rng(0))["critic"]
    again = make(penalty=0)
    scores, _ = again.network(real)
    assert float(value) == pytest.approx(2 * float(torch.nn.functional.softplus(-scores.detach()).mean()), rel=1e-4)
    assert float(blind) != pytest.approx(float(value), rel=1e-3)
