from __future__ import annotations

import json

import pytest
import torch

from models.training.loop import Trainer, start_model, widen_up
from models.training.settings import NetworkSettings
from models.weights import WeightsInvalid, load_weights, save_weights


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def states(trainer):
    return trainer.model.state_dict() | {f"average.{k}": v for k, v in trainer.average.state_dict().items()}


def test_a_tiny_network_overfits_one_batch(settings, tmp_path):
    trainer = Trainer(settings(steps=10**6, lr=1e-2, loss={}), tmp_path / "run")
    losses = []
    for _ in range(120):
        trainer.step = 0  # the same photos and masks every time
        losses.append(trainer.train_step()["loss"])
    assert losses[-1] < 0.35 * losses[0]


def test_a_resumed_run_equals_an_uninterrupted_one(settings, tmp_path):
    whole = Trainer(settings(), tmp_path / "whole")
    whole.run()
    assert whole.step == 6

    first = Trainer(settings(checkpoint_minutes=0), tmp_path / "parts")
    train_step = first.train_step

    def stopping():
        if first.step == 3:
            raise KeyboardInterrupt
        return train_step()

    first.train_step = stopping
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = Trainer(settings(), tmp_path / "parts", resume=True)
    assert second.step == 3
    second.run()
    for (name, one), two in zip(states(whole).items(), states(second).values(), strict=True):
        assert torch.equal(one, two), name
    # The file also says how many minutes the training took, and safetensors writes its entries in any order.
    exports = [load_weights(str(tmp_path / folder / "lama-small.safetensors")) for folder in ("whole", "parts")]
    assert exports[0].config == exports[1].config
    assert exports[0].tensors.keys() == exports[1].tensors.keys()
    assert all(torch.equal(one, exports[1].tensors[name]) for name, one in exports[0].tensors.items())


def test_averaged_weights_are_exported_measured_and_shown(settings, photos, tmp_path):
    held_out = {"photos": photos, "held_out": photos, "held_out_count": 1, "crop_px": 48}
    trainer = Trainer(settings(data=held_out, steps=2, precision="bf16"), tmp_path)
    trainer.run()
    weights = load_weights(str(tmp_path / "lama-small.safetensors"))
    average = trainer.average.state_dict()["model.1.ffc.convl2l.weight"]
    torch.testing.assert_close(weights.tensors["model.1.ffc.convl2l.weight"], average, atol=1e-3, rtol=1e-3)
    assert sorted(p.name for p in (tmp_path / "samples").iterdir()) == ["000000.png", "000002.png"]
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 2] and "feature_ratio" in rows[0]


def test_the_learning_rate_rises_and_falls_to_zero(settings, tmp_path):
    trainer = Trainer(settings(steps=100, warmup_steps=10), tmp_path)
    rates = []
    for step in range(101):
        trainer.step = step
        rates.append(trainer.learning_rate())
    assert rates[0] < rates[5] < rates[10] and rates[10] > rates[50] > rates[99] > rates[100] == 0


def test_the_clock_ends_a_run(settings, tmp_path):
    trainer = Trainer(settings(steps=10**9, max_minutes=0.05), tmp_path)
    trainer.run()
    assert 0 < trainer.step < 10**9


def test_a_checkpoint_of_another_network_is_refused(settings, tmp_path):
    Trainer(settings(steps=1), tmp_path).run()
    with pytest.raises(ValueError, match="another network"):
        Trainer(settings(network={"ngf": 8, "n_blocks": 1}), tmp_path, resume=True)


def test_widened_kernels_compute_the_same(tiny_weights):
    wide = widen_up(tiny_weights)
    assert wide.config.up_kernel == 4
    x = torch.rand(1, 4, 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(wide.build()(x), tiny_weights.build()(x), atol=1e-5, rtol=1e-5)


def test_a_start_is_taken_over_and_checked(tmp_path, tiny_weights):
    path = tmp_path / "w.safetensors"
    save_weights(path, tiny_weights.config, tiny_weights.tensors, {})
    shape = {"ngf": 4, "n_blocks": 2}
    with pytest.raises(ValueError, match="the start has"):
        start_model(NetworkSettings(start=str(path), ngf=8, n_blocks=2), 0)
    one, two = (start_model(NetworkSettings(**shape), seed=3) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    assert all(p.requires_grad for p in one.parameters())
    path.write_bytes(b"")
    with pytest.raises(WeightsInvalid):
        start_model(NetworkSettings(start=str(path), **shape), 0)
