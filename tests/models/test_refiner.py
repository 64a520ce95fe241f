from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from models import refiner
from models.engine import DeviceOutOfMemory
from models.refiner import RefiningEngine, objective


def draw(shape=(48, 40), seed=0, factor=2):
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, bool)
    mask[shape[0] // 4 : 3 * shape[0] // 4, shape[1] // 4 : 3 * shape[1] // 4] = True
    guide = np.full((shape[0] // factor, shape[1] // factor, 3), 0.5, np.float32)
    return rng.random((*shape, 3), dtype=np.float32), mask, guide


def value(prediction, crop, mask, guide):
    images = [torch.from_numpy(np.ascontiguousarray(v.transpose(2, 0, 1)))[None] for v in (prediction, crop, guide)]
    return float(objective(images[0], images[1], torch.from_numpy(mask)[None, None], images[2]))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("shape", "factor"), [((48, 40), 2), ((33, 50), 3)])
def test_steps_lower_the_objective(tiny_weights, precision, shape, factor):
    crop, mask, guide = draw(shape, factor=factor)
    engine = RefiningEngine(tiny_weights, device="cpu", precision=precision)
    made = [engine.refine([crop], [mask], [guide], steps)[0] for steps in (0, 3, 15)]
    values = [value(prediction, crop, mask, guide) for prediction in made]
    assert values[2] < values[1] < values[0]
    assert all(p.shape == crop.shape and p.dtype == np.float32 for p in made)


def test_without_steps_it_is_what_the_engine_fills(tiny_weights):
    crop, mask, guide = draw((33, 50))
    engine = RefiningEngine(tiny_weights, device="cpu", precision="fp32")
    (fill,) = engine.fill([crop], [mask])
    assert np.abs(engine.refine([crop], [mask], [guide], 0)[0] - fill).max() < 1e-4


@pytest.mark.parametrize("batch_mp", ["auto", 0.02])
def test_a_result_depends_on_nothing_beside_it_and_is_the_same_each_time(tiny_weights, batch_mp):
    cases = [draw(shape, seed) for seed, shape in enumerate([(48, 40), (32, 32), (48, 40), (48, 40)])]
    engine = RefiningEngine(tiny_weights, device="cpu", precision="fp32", batch_mp=batch_mp)
    together = engine.refine(*map(list, zip(*cases, strict=True)), 4)
    for case, expected in reversed(list(zip(cases, together, strict=True))):
        assert np.array_equal(engine.refine(*([part] for part in case), 4)[0], expected)


def test_what_the_hole_holds_and_what_the_guide_does_not_say_are_not_looked_at(tiny_weights):
    crop, mask, guide = draw()
    engine = RefiningEngine(tiny_weights, device="cpu")
    other = crop.copy()
    other[mask] = np.nan
    assert np.array_equal(*(engine.refine([c], [mask], [guide], 2)[0] for c in (crop, other)))
    silent = np.full_like(guide, np.nan)
    free = engine.refine([crop], [mask], [silent], 2)[0]
    assert np.isfinite(free).all()
    assert value(free, np.where(mask[..., None], 0, crop).astype(np.float32), mask, silent) > 0


def test_the_truth_has_no_objective():
    crop, mask, _ = draw((48, 40))
    guide = cv2.resize(crop, (20, 24), interpolation=cv2.INTER_AREA)
    assert value(crop, crop, mask, guide) < 1e-6
    thirds = cv2.resize(crop, (13, 17), interpolation=cv2.INTER_AREA)  # areas that share pixels
    assert value(crop, crop, mask, thirds) < 1e-6
    assert value(crop + 0.1, crop, mask, guide) == pytest.approx(0.2, abs=1e-5)


def test_out_of_memory_halves_the_batch_and_one_crop_gives_up(tiny_weights, monkeypatch):
    cases = [draw(seed=seed) for seed in range(4)]
    engine = RefiningEngine(tiny_weights, device="cpu", precision="fp32", batch_mp=0.04)
    assert engine._together((48, 40)) == 5
    real, sizes, room = refiner.refine, [], [2]

    def greedy(network, image, *rest):
        sizes.append(len(image))
        if len(image) > room[0]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(network, image, *rest)

    monkeypatch.setattr(refiner, "refine", greedy)
    assert len(engine.refine(*map(list, zip(*cases, strict=True)), 1)) == 4
    assert sizes == [5, 2, 2]
    room[0] = 0
    with pytest.raises(DeviceOutOfMemory, match="48 × 40"):
        engine.refine(*([part] for part in cases[0]), 1)


def test_arrays_of_another_kind_are_refused(tiny_weights):
    crop, mask, guide = draw()
    engine = RefiningEngine(tiny_weights, device="cpu")
    for wrong in (
        ([crop], [mask], []),
        ([crop.astype(np.float64)], [mask], [guide]),
        ([crop], [mask.astype(np.uint8)], [guide]),
        ([crop], [mask], [np.repeat(guide, 3, axis=0)]),
    ):
        with pytest.raises(ValueError, match=r"mask|crop|guide"):
            engine.refine(*wrong, 1)
