import numpy as np
import pytest

from tasks.fill.patches import features as module
from tasks.fill.patches.features import COUNT, FIXED, RADIUS, SIDE, describe, describe_place


def described(values: np.ndarray) -> np.ndarray:
    found = np.zeros((*values.shape[:2], COUNT + FIXED), np.float32)
    describe(values, found)
    return found


def test_patches_of_one_colour_differ_by_their_colours() -> None:
    a, b = np.array([0.2, 0.5, 0.9], np.float32), np.array([0.4, 0.1, 0.6], np.float32)
    one, other = (described(np.broadcast_to(colour, (9, 9, 3)).copy())[4, 4] for colour in (a, b))
    assert ((one - other) ** 2).sum() == pytest.approx(SIDE**2 * ((a - b) ** 2).sum(), rel=1e-4)


def test_a_description_is_of_the_patch_alone() -> None:
    values = np.random.default_rng(0).random((30, 40, 3)).astype(np.float32)
    changed = values.copy()
    changed[10, 20] = 0
    differs = (described(values) != described(changed)).any(axis=2)
    assert differs[10 - RADIUS : 11 + RADIUS, 20 - RADIUS : 21 + RADIUS].all()
    assert differs.sum() == SIDE**2


def test_gradients_count_for_more_than_their_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = np.repeat(np.linspace(0, 1, 40, dtype=np.float32)[None, :, None], 20, axis=0).repeat(3, axis=2)
    flat = np.full_like(ramp, ramp[10, 20, 0])
    weighted = ((described(ramp) - described(flat))[10, 20] ** 2).sum()
    monkeypatch.setattr(module, "_GRADIENT", 1.0)
    plain = ((described(ramp) - described(flat))[10, 20] ** 2).sum()
    assert weighted > 2 * plain > 0


def test_what_stays_is_the_guide_and_the_place() -> None:
    guide = np.full((20, 30, 3), 0.5, np.float32)
    found = np.full((20, 30, COUNT + FIXED), np.nan, np.float32)
    describe_place(guide, 0.5, 4, found)
    assert np.isnan(found[:, :, :COUNT]).all()
    assert np.isfinite(found[:, :, COUNT:]).all()
    assert np.linalg.norm(found[:, :, COUNT : COUNT + 3], axis=2) == pytest.approx(0.5 * SIDE * 0.5 * 3**0.5)
    steps = np.diff(found[:, 0, -2]), np.diff(found[0, :, -1])
    assert np.concatenate(steps) == pytest.approx(4 / 200, rel=1e-3)
