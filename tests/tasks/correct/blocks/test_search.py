import cv2
import numpy as np
import pytest

from tasks.correct.blocks.grid import Scene, patches, scene_of
from tasks.correct.blocks.search import CELLS, Likeness, moved, principal, scale_of, search, unlikeness

LIKE = Likeness(0.1, 0.0)


def _noise(shape: tuple[int, int], seed: int = 0, sigma: float = 1.5) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(*shape, 3)), (0, 0), sigma)
    return np.clip(0.5 + 0.15 * noise / noise.std(), 0, 1).astype(np.float32)


def _planted(shape: tuple[int, int], hole: tuple[int, int], copy: tuple[int, int], side: int) -> Scene:
    picture = _noise(shape)
    own = np.zeros(shape, bool)
    own[hole[0] : hole[0] + side, hole[1] : hole[1] + side] = True
    picture[own] = picture[copy[0] : copy[0] + side, copy[1] : copy[1] + side].reshape(-1, 3)
    return scene_of(picture, ~own, own, side + 1)


@pytest.mark.parametrize(("shape", "side"), [((90, 120), 12), ((90, 121), 17), ((420, 500), 16), ((600, 700), 32)])
@pytest.mark.parametrize("copy", [(7, 13), (41, 66), (0, 1)])
def test_a_planted_copy_is_found_at_any_position(shape: tuple[int, int], side: int, copy: tuple[int, int]) -> None:
    hole = (shape[0] - side - 3, shape[1] - side - 5)
    scene = _planted(shape, hole, copy, side)
    corner = np.array([hole]) + scene.margin
    found = search(scene, corner, side, 8, LIKE)[0] - scene.margin
    assert copy in [tuple(place) for place in found.tolist()]
    if scale_of(scene.own.shape, side) == 1:
        assert tuple(found[0]) == copy


def test_a_copy_of_another_contrast_and_tint_is_found_by_its_correlation() -> None:
    scene = _planted((90, 120), (70, 90), (20, 33), 14)
    paler = np.where(scene.own[:, :, None], 0.5 + 0.6 * (scene.picture - 0.5) + np.float32(0.02), scene.picture)
    found = search(Scene(paler, scene.known, scene.own, 15), np.array([[70, 90]]) + 15, 14, 1, Likeness(0.5, 0))
    assert (found[0, 0] - 15).tolist() == [20, 33]


def test_of_two_copies_the_nearer_is_first() -> None:
    scene = _planted((90, 120), (70, 90), (2, 3), 14)
    scene.picture[15 + 50 : 15 + 64, 15 + 70 : 15 + 84] = scene.picture[17:31, 18:32]
    found = search(scene, np.array([[70, 90]]) + 15, 14, 2, Likeness(0.1, 0.5))[0] - 15
    assert found.tolist() == [[50, 70], [2, 3]]


def test_only_what_is_known_whole_is_offered() -> None:
    picture, own = _noise((60, 60)), np.zeros((60, 60), bool)
    own[20:44, 20:44] = True
    known = ~own
    known[:, 50:] = False
    scene = scene_of(picture, known, own, 9)
    found = search(scene, np.array([[33, 33], [40, 40]]), 8, 40, LIKE)
    there = patches(scene.known[:, :, None].astype(np.float32), np.maximum(found, 0), 8).all(axis=(2, 3, 4))
    assert (there | (found[..., 0] < 0)).all()
    assert (found[:, 0] >= 0).all()
    nothing = Scene(picture, np.zeros_like(own), own, 9)
    assert (search(nothing, np.array([[20, 20]]), 8, 3, LIKE) == -1).all()


def test_a_larger_scene_is_searched_on_as_many_cells() -> None:
    assert scale_of((200, 300), 32) == 1
    for side in (500, 1000, 1900):
        scale = scale_of((side, side), 64)
        assert (side // scale) ** 2 <= CELLS
    assert scale_of((4000, 4000), 8) == 2


def test_unlikeness_is_one_minus_correlation() -> None:
    rng = np.random.default_rng(1)
    block = rng.random((1, 10, 10, 3), dtype=np.float32)
    others = np.stack([block[0], 0.5 * block[0] + 0.1, 1 - block[0], rng.random((10, 10, 3), dtype=np.float32)])[None]
    found = unlikeness(block, others, np.ones((1, 10, 10), np.float32))[0]
    assert found[:3] == pytest.approx([0, 0, 2], abs=0.01)
    assert 0.7 < found[3] < 1.3


def test_the_gate_is_the_distance_of_the_worst_channels_histogram() -> None:
    block = np.random.default_rng(2).random((1, 6, 6, 3), dtype=np.float32)
    turned = block[:, ::-1, ::-1]
    others = np.stack([turned[0], turned[0] + np.float32([0, 0.2, -0.1])])[None]
    assert moved(block, others)[0] == pytest.approx([0, 0.2], abs=1e-6)


def test_the_principal_direction_is_where_colours_vary() -> None:
    along = np.float32([0.6, 0.0, 0.8])
    colours = 0.5 + np.random.default_rng(3).normal(size=(500, 1)).astype(np.float32) * along
    assert principal(colours) == pytest.approx(along, abs=1e-3)
    assert np.isfinite(principal(np.full((10, 3), 0.5, np.float32))).all()
