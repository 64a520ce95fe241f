from __future__ import annotations

import json

import pytest
import torch

from models import load_inpainter
from models.zoo.training import ZooTrainer
from models.zoo.weights import load_zoo_weights


def tensors(folder):
    return load_zoo_weights(str(folder / "partial-conv.safetensors")).tensors


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(value, two[key]) for key, value in one.items())


def test_a_run_leaves_weights_rows_curves_and_a_sheet(tiny, photos, tmp_path):
    data = {"photos": str(photos), "held_out": str(photos), "held_out_masks": ["strokes"], "crop_px": 16}
    out = tmp_path / "out"
    ZooTrainer(tiny(data=data | {"max_masked": 0.9}), out).run()
    names = {path.name for path in out.iterdir()}
    wanted = {"checkpoint.pt", "partial-conv.safetensors", "log.jsonl", "metrics.parquet", "curves.png", "samples"}
    assert names == wanted
    assert {path.name for path in (out / "samples").iterdir()} == {"000000.png", "000004.png"}
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4, 4]
    assert {"strokes_psnr", "strokes_psnr_telea", "strokes_mse", "strokes_dice_mean_fill"} <= rows[0].keys()
    assert load_inpainter(str(out / "partial-conv.safetensors")).engine.info.name.endswith("partial-conv.safetensors")


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_resumed_run_equals_an_uninterrupted_one(tiny, tmp_path, ema):
    settings = tiny(ema=ema)
    ZooTrainer(settings, tmp_path / "whole").run()
    ZooTrainer(tiny(ema=ema, steps=2), tmp_path / "parts").run()
    second = ZooTrainer(settings, tmp_path / "parts", resume=True)
    assert second.step == 2
    second.run()
    assert same(tensors(tmp_path / "whole"), tensors(tmp_path / "parts"))
    first = torch.load(tmp_path / "whole/checkpoint.pt", weights_only=True)
    other = torch.load(tmp_path / "parts/checkpoint.pt", weights_only=True)
    assert same(first["network"], other["network"])
    moments = [state["optimisers"]["network"]["state"][0]["exp_avg"] for state in (first, other)]
    assert torch.equal(*moments)


def test_a_seed_means_the_same_run_and_another_seed_another(tiny, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(len(name) + ord(name))  # what was drawn before does not matter
        ZooTrainer(tiny(seed=seed), tmp_path / name).run()
    assert same(tensors(tmp_path / "a"), tensors(tmp_path / "b"))
    assert not same(tensors(tmp_path / "a"), tensors(tmp_path / "c"))


def test_the_learning_rate_falls_by_epochs(tiny, tmp_path):
    trainer = ZooTrainer(tiny(batch=3, lr_drop_epochs=2), tmp_path / "out")  # three photos: a step is an epoch
    rates = []
    for _ in range(5):
        rates.append(trainer.rate())
        trainer.train_step()
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert trainer.recipe.optimisers["network"].param_groups[0]["lr"] == pytest.approx(2e-6)


def test_a_checkpoint_of_other_networks_is_refused(tiny, tmp_path):
    ZooTrainer(tiny(steps=1), tmp_path / "out").run()
    with pytest.raises(ValueError, match="other networks"):
        ZooTrainer(tiny(network={"widths": [4, 4]}), tmp_path / "out", resume=True)


def test_a_loss_that_is_not_finite_ends_the_run(tiny, tmp_path):
    trainer = ZooTrainer(tiny(), tmp_path / "out")
    with torch.no_grad():
        next(trainer.recipe.network.parameters()).fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="loss"):
        trainer.train_step()


def test_bf16_computes_too(tiny, tmp_path):
    trainer = ZooTrainer(tiny(precision="bf16", clip_norm=1.0), tmp_path / "out")
    assert trainer.train_step()["loss"] > 0


def test_the_clock_may_end_a_run(tiny, tmp_path):
    trainer = ZooTrainer(tiny(steps=10**6, max_minutes=1e-6), tmp_path / "out")
    trainer.run()
    assert 0 < trainer.step < 100
