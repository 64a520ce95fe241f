from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

import models.convolution
from models.engine import DeviceOutOfMemory, Engine
from models.weights import WeightsNotFound


def draw(shape, seed=0):
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, bool)
    mask[shape[0] // 4 : shape[0] // 2, shape[1] // 4 : shape[1] // 2] = True
    return rng.random((*shape, 3), dtype=np.float32), mask


def plain(weights, crop, mask):
    """The module as it was trained, padded as the official code pads."""
    h, w = mask.shape
    image = np.where(mask[..., None], 0, crop)
    stack = np.concatenate([image, mask[..., None]], 2).astype(np.float32)
    stack = np.pad(stack, [(0, -h % 8), (0, -w % 8), (0, 0)], mode="symmetric")
    with torch.inference_mode():
        y = weights.build()(torch.from_numpy(stack.transpose(2, 0, 1)[None].copy()))
    return y[0].permute(1, 2, 0).numpy()[:h, :w]


@pytest.mark.parametrize("shape", [(32, 32), (33, 50), (17, 24)])
def test_fp32_equals_the_plain_module(tiny_weights, shape):
    crop, mask = draw(shape)
    made = Engine(tiny_weights, device="cpu", precision="fp32").fill([crop], [mask])[0]
    assert made.shape == crop.shape and made.dtype == np.float32
    assert np.abs(made - plain(tiny_weights, crop, mask)).max() <= 1e-4


def test_bf16_is_near_the_plain_module(tiny_weights):
    crop, mask = draw((64, 64))
    made = Engine(tiny_weights, device="cpu", precision="bf16").fill([crop], [mask])[0]
    assert np.abs(made - plain(tiny_weights, crop, mask))[mask].mean() <= 1 / 255
    assert len(np.unique(made)) > 1000  # not rounded to bf16


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("batch_mp", ["auto", 0.01])
def test_a_result_does_not_depend_on_its_neighbours(tiny_weights, precision, batch_mp):
    shapes = [(40, 48), (40, 41), (64, 64), (40, 48), (33, 48), (40, 48), (40, 48), (40, 48), (40, 48)]
    crops, masks = map(list, zip(*(draw(shape, seed) for seed, shape in enumerate(shapes)), strict=True))
    engine = Engine(tiny_weights, device="cpu", precision=precision, batch_mp=batch_mp)
    together = engine.fill(crops, masks)
    for order in (range(9), reversed(range(9))):
        for index in order:
            assert np.array_equal(engine.fill([crops[index]], [masks[index]])[0], together[index])


def test_nor_does_it_by_tiles(tiny_weights, monkeypatch):
    monkeypatch.setattr(models.convolution, "CHANNELS", 1)
    monkeypatch.setattr(models.convolution, "TILES", 1)
    crops, masks = map(list, zip(*(draw((56, 48), seed) for seed in range(5)), strict=True))
    engine = Engine(tiny_weights, device="cpu", precision="fp32", batch_mp=0.01)
    together = engine.fill(crops, masks)
    for index in range(5):
        assert np.array_equal(engine.fill([crops[index]], [masks[index]])[0], together[index])


def test_what_the_hole_holds_is_never_looked_at(tiny_weights):
    crop, mask = draw((32, 32))
    engine = Engine(tiny_weights, device="cpu")
    other = crop.copy()
    other[mask] = np.nan
    assert np.array_equal(engine.fill([crop], [mask])[0], engine.fill([other], [mask])[0])


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (3, 9), (16, 8)])
def test_tiny_crops_are_filled(tiny_weights, shape):
    crop, mask = draw(shape)
    made = Engine(tiny_weights, device="cpu").fill([crop], [mask])[0]
    assert made.shape == crop.shape and np.isfinite(made).all()


def test_nothing_gives_nothing(tiny_weights):
    assert Engine(tiny_weights, device="cpu").fill([], []) == []


class Greedy(torch.nn.Module):
    """A body for which only `room` crops fit."""

    def __init__(self, body, room):
        super().__init__()
        self.body, self.room, self.seen = body, room, []

    def forward(self, x):
        self.seen.append(len(x))
        if len(x) > self.room:
            raise torch.OutOfMemoryError("fake")
        return self.body(x)


def test_out_of_memory_halves_the_batch_of_that_shape(tiny_weights, caplog):
    engine = Engine(tiny_weights, device="cpu", batch_mp=8 * 32 * 32 / 1e6)
    crops, masks = map(list, zip(*(draw((32, 32), seed) for seed in range(5)), strict=True))
    body = engine._body
    engine._body = Greedy(body, 3)
    made = engine.fill(crops, masks)
    assert engine._body.seen == [8, 4, 2, 2, 2]
    assert "2 crops of 32 × 32 px" in caplog.text
    engine._body.seen.clear()
    again = engine.fill(crops[:1], masks[:1])
    assert engine._body.seen == [2]  # remembered, and still constant
    assert np.array_equal(again[0], made[0])
    engine._body = Greedy(body, 0)
    with pytest.raises(DeviceOutOfMemory, match="32 × 32"):
        engine.fill(crops, masks)


def test_other_errors_pass_through(tiny_weights):
    engine = Engine(tiny_weights, device="cpu")
    engine._body = torch.nn.Linear(3, 3)
    crop, mask = draw((32, 32))
    with pytest.raises(RuntimeError, match="shape"):
        engine.fill([crop], [mask])


def test_arrays_of_another_kind_are_refused(tiny_weights):
    engine = Engine(tiny_weights, device="cpu")
    crop, mask = draw((32, 32))
    for bad in (
        ([crop], []),
        ([crop.astype(np.float64)], [mask]),
        ([crop[..., 0]], [mask]),
        ([crop], [mask.astype(np.uint8)]),
        ([crop], [mask[:-1]]),
        ([crop[:0]], [mask[:0]]),
    ):
        with pytest.raises(ValueError):
            engine.fill(*bad)


def test_info_names_what_decides_the_bytes(tiny_weights):
    info = Engine(tiny_weights, device="cpu", precision="fp32").info
    assert (info.name, info.weights_sha256, info.device, info.precision) == ("tiny", "0" * 64, "cpu", "fp32")


@pytest.mark.parametrize(("option", "value"), [("device", "tpu9"), ("device", "cuda:99"), ("precision", "fp8")])
def test_missing_devices_and_precisions_are_refused(tiny_weights, option, value):
    with pytest.raises(ValueError, match=value):
        Engine(tiny_weights, **{option: value})


def test_unknown_names_are_refused():
    with pytest.raises(WeightsNotFound):
        Engine("nobody")


def test_threads_hold_in_the_calling_thread_too(tiny_weights):
    """torch keeps the number per thread: the engine may be made in one and used in another."""
    engine = Engine(tiny_weights, device="cpu", threads=1)
    crop, mask = draw((32, 32))
    seen = []

    def work():
        engine.fill([crop], [mask])
        seen.append(torch.get_num_threads())

    before = torch.get_num_threads()
    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    torch.set_num_threads(before)
    assert seen == [1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_gpu_results_are_near_the_cpu_and_independent(tiny_weights):
    crops, masks = map(list, zip(*(draw((64, 72), seed) for seed in range(9)), strict=True))
    engine = Engine(tiny_weights, device="cuda", precision="fp32", batch_mp=0.02)
    together = engine.fill(crops, masks)
    cpu = Engine(tiny_weights, device="cpu", precision="fp32").fill(crops, masks)
    for index in range(9):
        assert np.abs(together[index] - cpu[index]).max() < 1e-3
        assert np.array_equal(engine.fill([crops[index]], [masks[index]])[0], together[index])
    assert engine.info.device.startswith("cuda:")
