from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from models import load_inpainter
from models.training.masks import masks_of
from models.zoo.dip import DipConfig
from models.zoo.dip_filler import DipFiller, held_out
from models.zoo.filler import Given
from tests.support import photo

SMALL = DipConfig(noise=4, down=(8, 8), up=(8, 8), skip=(4, 4)).model_dump()


def filler(kind="skip", **options):
    options = {"network": SMALL, "max_iterations": 6} | options
    return DipFiller(kind, Given("dip", device="cpu", options=options))


def cases(*shapes):
    rng = np.random.default_rng(0)
    crops = [rng.random((*shape, 3), np.float32) for shape in shapes]
    return crops, [rng.random(shape) < 0.3 for shape in shapes]


@pytest.mark.parametrize("kind", ["plain", "skip", "residual"])
def test_the_same_bytes_each_time_in_any_company(kind):
    crops, masks = cases((17, 30), (24, 24), (17, 30), (5, 6))
    made = filler(kind).fill(crops, masks)
    order = [2, 3, 0, 1]
    again = filler(kind).fill([crops[i] for i in order], [masks[i] for i in order])
    for one, index in zip(again, order, strict=True):
        assert np.array_equal(one, made[index])
        hidden = np.where(masks[index][..., None], np.float32(0.9), crops[index])
        assert np.array_equal(filler(kind).fill([hidden], [masks[index]])[0], one), "the hole is not looked at"
        assert one.shape == crops[index].shape and one.dtype == np.float32 and one.min() >= 0 and one.max() <= 1
    assert not np.array_equal(filler(kind, seed=1).fill(crops[:1], masks[:1])[0], made[0])


def test_a_batch_of_pictures_does_not_depend_on_who_is_in_it():
    crops, masks = cases((16, 16), (16, 16), (16, 16))
    both = filler(batch=2).fill(crops, masks)
    for index in range(3):
        assert np.array_equal(filler(batch=2).fill([crops[index]], [masks[index]])[0], both[index])
        alone = filler().fill([crops[index]], [masks[index]])[0]
        assert np.abs(alone - both[index]).max() < 1e-3


def test_a_picture_is_learnt_and_its_hole_filled():
    image = cv2.GaussianBlur(photo(32, 32, 1), (0, 0), 1.5).astype(np.float32) / 255
    mask = np.zeros((32, 32), bool)
    mask[12:16, 4:28] = True
    network = DipConfig(noise=8, down=(16, 16), up=(16, 16), skip=(4, 4)).model_dump()
    fitted = filler(max_iterations=150, network=network, jitter=0.01)
    made = fitted.fill([image], [mask])[0]
    mean = np.broadcast_to(image[~mask].mean(0), image.shape)
    assert np.mean((made - image)[~mask] ** 2) < 2e-3
    assert np.mean((made - image)[mask] ** 2) < 0.15 * np.mean((mean - image)[mask] ** 2)
    assert 0 < fitted.iterations[0] <= 150


def test_it_stops_when_held_out_pixels_say_so():
    crops, masks = cases((16, 16))  # noise: what is held out cannot be foretold
    patient = filler(max_iterations=300, patience=20)
    patient.fill(crops, masks)
    assert patient.iterations[0] < 300
    none = filler(max_iterations=30, patience=5, held_out=0)
    none.fill(crops, masks)
    assert none.iterations == [30]


def test_the_clock_counts_only_when_it_is_asked_to(monkeypatch):
    crops, masks = cases((16, 16))
    ticks = iter(range(0, 10_000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    slow = filler(max_iterations=20)
    slow.fill(crops, masks)
    timed = filler(max_iterations=20, max_s=35)
    timed.fill(crops, masks)
    assert (slow.iterations, timed.iterations) == ([20], [4])


@pytest.mark.parametrize("seed", range(5))
def test_held_out_pixels_are_known_and_near_the_hole(seed):
    rng = np.random.default_rng(seed)
    mask = masks_of({"text": 1}, 128, max_masked=0.5)((90, 128), rng)
    held = held_out(mask, 6, 0.2, seed)
    assert not (held & mask).any()
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    assert distance[held].max() <= 6.5
    fringe = (distance <= 6) & ~mask
    assert 0.1 < held.sum() / fringe.sum() < 0.3
    assert not held_out(mask, 6, 0.0, seed).any() and not held_out(np.zeros_like(mask), 6, 0.2, seed).any()


@pytest.mark.parametrize("name", ["dip", "dip-skip", "dip-residual"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_door_keeps_what_is_known(name, dtype):
    white = 1 if dtype == np.float32 else np.iinfo(dtype).max
    rng = np.random.default_rng(0)
    image, mask = (rng.random((20, 26, 3)) * white).astype(dtype), rng.random((20, 26)) < 0.2
    fill = load_inpainter(name, "cpu", max_iterations=3, network=SMALL)
    made = fill(image, mask)
    assert made.dtype == dtype and np.array_equal(made[~mask], image[~mask])
    assert np.array_equal(fill(image, mask), made)
    assert fill.engine.iterations == [3]


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ValueError, match="max_iteration"):
        load_inpainter("dip", "cpu", max_iteration=3)
    with pytest.raises(ValueError, match="no known pixel"):
        filler().fill([np.zeros((9, 9, 3), np.float32)], [np.ones((9, 9), bool)])
    with pytest.raises(ValueError, match="float32"):
        filler().fill([np.zeros((9, 9, 3), np.uint8)], [np.zeros((9, 9), bool)])
