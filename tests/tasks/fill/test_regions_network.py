"""The pass `regions` with the embedded network itself: what a stand-in for it could not show."""

import itertools
from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from models.engine import Engine
from tasks.fill import regions
from tasks.fill.colour import Plain
from tasks.fill.holes import find_holes
from tasks.fill.picture import Picture
from tasks.fill.pieces import OVERLAP_PX, pieces_of
from tasks.fill.regions import run
from tasks.fill.settings import FillSettings

POLICY = FillSettings(context=2.0, min_region_px=96)


def damage() -> np.ndarray:
    """Specks and a tear, (300, 420) bool."""
    rng, mask = np.random.default_rng(2), np.zeros((300, 420), np.uint8)
    for _ in range(7):
        cv2.circle(mask, (int(rng.integers(420)), int(rng.integers(300))), int(rng.integers(1, 6)), (1,), -1)
    cv2.polylines(mask, [(rng.random((5, 2)) * (420, 300)).astype(np.int32)[:, None]], False, 1, 9)
    return mask.astype(bool)


class InCompany:
    """An engine whose every call holds crops of other items too, of the same shapes and of others."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def fill(self, crops: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        shapes = [*(mask.shape for mask in masks[::2]), (64, 96)]
        others = [rng.random((*shape, 3), dtype=np.float32) for shape in shapes]
        holes = [rng.random(shape) > 0.9 for shape in shapes]
        order = rng.permutation(len(others) + len(crops))
        made = self._engine.fill(
            [[*others, *crops][index] for index in order], [[*holes, *masks][index] for index in order]
        )
        placed = dict(zip(order.tolist(), made, strict=True))
        return [placed[len(others) + index] for index in range(len(crops))]


@pytest.mark.parametrize("batch_mp", ["auto", 0.05])
def test_the_network_makes_the_same_bytes_in_any_order_and_company(batch_mp, monkeypatch: pytest.MonkeyPatch) -> None:
    """On one device, with one precision, number of threads and size of batches."""
    engine = Engine("lama-small", device="cpu", threads=1, batch_mp=batch_mp)
    image, mask = np.random.default_rng(0).integers(0, 256, (300, 420, 3), dtype=np.uint8), damage()
    holes, picture = find_holes(mask, 8), Picture(image, Plain())
    plain = run(picture, mask, holes, engine, POLICY)
    turned = run(picture, mask, holes[::-1], InCompany(engine), POLICY)[::-1]
    monkeypatch.setattr(regions, "AT_ONCE_PX", 20_000)
    apart = run(picture, mask, holes, engine, POLICY)
    assert len(plain) > 4
    for one, other, third in zip(plain, turned, apart, strict=True):
        assert one.values.tobytes() == other.values.tobytes() == third.values.tobytes()


def long_tear(seed: int, shape: tuple[int, int]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = np.arange(-20, shape[1] + 60, 60)
    y = np.clip(shape[0] / 2 + np.cumsum(rng.normal(0, 25, len(x))), 30, shape[0] - 30)
    mask = np.zeros(shape, np.uint8)
    cv2.polylines(mask, [np.stack([x, y], axis=1).astype(np.int32)[:, None]], False, 1, 24)
    return mask.astype(bool)


def synthetic(kind: str, shape: tuple[int, int]) -> np.ndarray:
    """A gradient, alone or with texture or with waves on it, (H, W, 3) uint8."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    picture = 0.3 + 0.4 * x / shape[1] + 0.1 * y / shape[0]
    if kind == "texture":
        picture += cv2.GaussianBlur(np.random.default_rng(1).normal(0, 0.3, shape), (0, 0), 1.5)
    if kind == "waves":
        picture += 0.2 * np.sin(x / 5 + y / 9)
    return np.repeat((picture.clip(0, 1) * 255).round().astype(np.uint8)[:, :, None], 3, axis=2)


@pytest.mark.parametrize("kind", ["gradient", "texture", "waves"])
def test_gradients_across_the_cuts_inside_a_hole_are_those_beside_them(kind: str) -> None:
    """With the network itself: the steps over a cut, over all of the blend around it, and elsewhere in the hole."""
    engine, shape = Engine("lama-small", device="cpu", threads=1), (300, 900)
    steps: dict[str, list[np.ndarray]] = {"cut": [], "blend": [], "beside": []}
    for seed in range(3):
        mask = long_tear(seed, shape)
        [hole] = find_holes(mask, 0)
        [fill] = run(Picture(synthetic(kind, shape), Plain()), mask, [hole], engine, POLICY)
        own, pieces = fill.own(hole), pieces_of(hole, POLICY)
        step = np.abs(np.diff(fill.values, axis=1)).mean(axis=2)
        inside, places = own[:, 1:] & own[:, :-1], np.arange(step.shape[1]) + fill.x + 1
        where = {"cut": np.zeros(step.shape, bool), "blend": np.zeros(step.shape, bool)}
        for piece, (name, reach) in itertools.product(pieces, (("cut", 1), ("blend", OVERLAP_PX))):
            if piece.left is not None:
                rows = slice(max(0, piece.y - fill.y), piece.y + piece.h - fill.y)
                where[name][rows, np.abs(places - piece.left) <= reach] = True
        for name, there in (*where.items(), ("beside", ~where["blend"])):
            steps[name].append(step[there & inside])
    found = {name: np.concatenate(parts) for name, parts in steps.items()}
    assert len(found["cut"]) > 400
    for name in ("cut", "blend"):
        assert 0.75 < found[name].mean() / found["beside"].mean() < 1.15
        assert np.percentile(found[name], 99) < 1.15 * np.percentile(found["beside"], 99)
