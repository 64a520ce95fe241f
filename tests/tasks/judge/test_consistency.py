import numpy as np
import pytest

from tasks.judge.consistency import self_consistency
from tasks.judge.scene import scene


class _Mean:
    """Fills with the mean of what it is shown."""

    def fill(self, crops, masks):
        return [
            np.broadcast_to(crop[~mask].mean(axis=0), crop.shape).astype(np.float32)
            for crop, mask in zip(crops, masks, strict=True)
        ]


def _square(size: int = 64) -> np.ndarray:
    own = np.zeros((size, size), dtype=bool)
    own[20:44, 16:40] = True
    return own


def test_what_the_generator_would_say_again_is_consistent() -> None:
    plain = np.full((64, 64, 3), 0.4, dtype=np.float32)
    assert self_consistency(scene(plain, _square()), _Mean()) == pytest.approx(0, abs=1e-4)


def test_what_it_would_not_say_is_not() -> None:
    own = _square()
    seen = np.full((64, 64, 3), 0.4, dtype=np.float32)
    noise = np.random.default_rng(0).normal(0, 1, seen.shape).astype(np.float32) * own[:, :, None]
    found = [self_consistency(scene(seen + s * noise, own), _Mean()) for s in (0.02, 0.1)]
    assert 0 < found[0] < found[1]


def test_every_pixel_of_the_hole_is_filled_anew_once_and_others_holes_are_not_looked_at() -> None:
    own = _square()
    other = np.zeros_like(own)
    other[50:60, 50:60] = True
    seen = np.random.default_rng(1).random((64, 64, 3), dtype=np.float32)
    asked = []

    class Watched(_Mean):
        def fill(self, crops, masks):
            asked.extend(masks)
            return super().fill(crops, masks)

    self_consistency(scene(seen, own, ~own & ~other), Watched())
    assert len(asked) == 2
    assert np.array_equal(asked[0] | asked[1], own | other)
    assert np.array_equal(asked[0] & asked[1], other)


def test_without_a_hole_there_is_none() -> None:
    assert np.isnan(self_consistency(scene(np.zeros((8, 8, 3), np.float32), np.zeros((8, 8), dtype=bool)), _Mean()))
