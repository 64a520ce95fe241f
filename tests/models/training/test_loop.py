from __future__ import annotations

import json

import cv2
import pyarrow.parquet as pq
import pytest
import torch

from models.training.loop import Trainer
from models.weights import load_weights, save_weights

SMALL = {"kind": "small", "ndf": 4, "n_layers": 2}


@pytest.fixture
def options(encoder, resnet, tmp_path, tiny_weights):
    """Settings that switch on one option each."""
    teacher = tmp_path / "teacher.safetensors"
    save_weights(teacher, tiny_weights.config, tiny_weights.tensors, {})
    plain = {"l1_hole": 4, "l1_known": 2, "l1_over": "region", "hrf": 0}
    light = {"weight": 0.1, "feature_matching": 1, "discriminator": SMALL, "lr": 1e-3}
    every = {
        "gradient": 0.5,
        "grid": 1,
        "phases": 1,
        "excess": 1,
        "spectrum": 0.1,
        "perceptual": 0.01,
        "style": 0.001,
        "encoder": encoder,
        "picture": "composite",
    }
    resnet_settings = {"network": "resnet50-dilated", "weights": resnet}
    return {
        "structure": {"loss": plain},
        "every loss": {"loss": plain | every},
        "lama": {"loss": {"hrf": 0.001, "hrf_encoder": resnet_settings, "l1_hole": 10}, "adversarial": light},
        "rare penalty": {"loss": plain, "adversarial": light | {"penalty_every": 2, "mask_scaling": "any"}},
        "late critic": {"loss": plain, "adversarial": light | {"start_step": 2}},
        "wasserstein": {"loss": plain, "adversarial": light | {"kind": "wasserstein", "critic_steps": 2}},
        "multiscale": {"loss": plain, "multiscale": {"scales": [1, 0.67], "supervised": True}},
        "coarse leads": {"loss": plain, "multiscale": {"scales": [0.84, 0.67], "toward": "coarse"}},
        "distil": {
            "loss": plain | {"encoder": encoder},
            "distil": {"teacher": str(teacher), "l1": 0.1, "perceptual": 0.01},
        },
        "loaders": {"loss": plain, "LOADERS": 2},
        "regular": {"loss": plain, "network": {"ngf": 4, "n_blocks": 1, "blocks": "regular"}},
        "skip": {"loss": plain, "network": {"ngf": 4, "n_blocks": 1, "skip": True, "skip_lr": 3}},
        "noise": {"loss": plain, "network": {"ngf": 4, "n_blocks": 1, "noise": True}},
    }


OPTIONS = [
    "structure",
    "every loss",
    "lama",
    "rare penalty",
    "late critic",
    "wasserstein",
    "multiscale",
    "coarse leads",
    "distil",
    "loaders",
    "regular",
    "skip",
    "noise",
]


@pytest.fixture
def make(settings, options, photos):
    def made(option, **changes):
        chosen = dict(options[option])
        data = {"photos": photos, "crop_px": 48, "loaders": chosen.pop("LOADERS", 0)}
        return settings(**({"data": data} | chosen | changes))

    return made


def states(trainer):
    found = {f"model.{k}": v for k, v in trainer.model.state_dict().items()}
    found |= {f"average.{k}": v for k, v in trainer.average.state().items()}
    if trainer.critic is not None:
        found |= {f"critic.{k}": v for k, v in trainer.critic.network.state_dict().items()}
    return found


def interrupted(trainer, step):
    """Run until the step, then as Ctrl-C does."""
    train_step = trainer.train_step

    def stopping():
        if trainer.step == step:
            raise KeyboardInterrupt
        return train_step()

    trainer.train_step = stopping
    with pytest.raises(KeyboardInterrupt):
        trainer.run()


@pytest.mark.parametrize("option", OPTIONS)
def test_a_resumed_run_equals_an_uninterrupted_one(make, option, tmp_path):
    whole = Trainer(make(option, steps=4), tmp_path / "whole")
    whole.run()
    assert whole.step == 4
    interrupted(Trainer(make(option, steps=4, checkpoint_minutes=0), tmp_path / "parts"), 3)
    second = Trainer(make(option, steps=4), tmp_path / "parts", resume=True)
    assert second.step == 3
    second.run()
    one, two = states(whole), states(second)
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name
    # The file also says how many minutes the training took, and safetensors writes its entries in any order.
    exports = [load_weights(str(tmp_path / folder / "lama-small.safetensors")) for folder in ("whole", "parts")]
    assert exports[0].config == exports[1].config
    assert all(torch.equal(tensor, exports[1].tensors[name]) for name, tensor in exports[0].tensors.items())


@pytest.mark.parametrize("option", [option for option in OPTIONS if option not in ("late critic", "loaders")])
def test_a_tiny_network_overfits_one_batch(make, option, tmp_path):
    trainer = Trainer(make(option, steps=10**6, lr=1e-2, batch=1), tmp_path / "run")
    errors = []
    for _ in range(60):
        trainer.step = 0  # the same photos and masks every time
        parts = trainer.train_step()
        errors.append(parts["l1_hole"] + parts["l1_known"])
    assert min(errors[-10:]) < 0.5 * errors[0]


def test_averaged_weights_are_exported_measured_and_shown(settings, photos, encoder, tmp_path):
    held_out = {"photos": photos, "held_out": photos, "held_out_count": 1, "crop_px": 48}
    run = settings(data=held_out, steps=2, log_steps=1, precision="bf16", adversarial={"discriminator": SMALL})
    trainer = Trainer(run, tmp_path)
    trainer.run()
    weights = load_weights(str(tmp_path / "lama-small.safetensors"))
    average = trainer.average.tensors()["model.1.ffc.convl2l.weight"]
    torch.testing.assert_close(weights.tensors["model.1.ffc.convl2l.weight"], average, atol=1e-3, rtol=1e-3)
    assert sorted(p.name for p in (tmp_path / "samples").iterdir()) == ["000000.png", "000002.png"]
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2, 2] and "medium_feature_ratio" in rows[0]
    table = pq.read_table(tmp_path / "metrics.parquet").to_pydict()
    assert table["step"] == [0, 1, 2, 2] and table["critic_penalty"][1] > 0
    assert table["scratches_psnr"][3] > 0 and table["feature_matching"][0] is None
    assert cv2.imread(str(tmp_path / "curves.png")).shape[0] > 400


def test_the_learning_rate_rises_and_falls_to_zero(settings, tmp_path):
    trainer = Trainer(settings(steps=100, warmup_steps=10), tmp_path)
    rates = []
    for step in range(101):
        trainer.step = step
        rates.append(trainer.rate())
    assert rates[0] < rates[5] < rates[10] and rates[10] > rates[50] > rates[99] > rates[100] == 0


def test_the_clock_ends_a_run(settings, tmp_path):
    trainer = Trainer(settings(steps=10**9, max_minutes=0.02), tmp_path)
    trainer.run()
    assert 0 < trainer.step < 10**9


def test_a_checkpoint_of_other_networks_is_refused(settings, tmp_path):
    critic = {"discriminator": SMALL}
    Trainer(settings(steps=1, adversarial=critic), tmp_path).run()
    with pytest.raises(ValueError, match="another network"):
        Trainer(settings(network={"ngf": 8, "n_blocks": 1}), tmp_path, resume=True)
    with pytest.raises(ValueError, match="discriminator"):
        Trainer(settings(adversarial={"discriminator": SMALL | {"ndf": 8}}), tmp_path, resume=True)
    assert Trainer(settings(), tmp_path, resume=True).step == 1


def test_an_adversarial_part_can_be_added_to_a_run(settings, tmp_path):
    Trainer(settings(steps=2), tmp_path).run()
    second = Trainer(settings(steps=3, adversarial={"discriminator": SMALL}), tmp_path, resume=True)
    assert second.step == 2
    second.run()
    assert second.step == 3


def test_a_gradient_that_is_no_number_ends_the_run(settings, tmp_path):
    trainer = Trainer(settings(), tmp_path)
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="step 0"):
        trainer.train_step()
