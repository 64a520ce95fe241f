import numpy as np
import pytest

from tasks.fill.patches.field import Field
from tasks.fill.patches.vote import vote


def shifted(offset: int) -> tuple[Field, np.ndarray, np.ndarray]:
    """A field that copies everything from one offset; values; the pixels to vote on, well inside the targets."""
    values = np.random.default_rng(0).random((20 * 40, 4)).astype(np.float32)
    places = np.arange(800, dtype=np.int32).reshape(20, 40)
    targets, sources = places[4:16, 24:36].ravel(), places[2:18, 4:20].ravel()
    return Field((20, 40), targets, sources, targets - np.int32(offset)), values, places[6:14, 26:34].ravel()


@pytest.mark.parametrize("radius", [0, 1, 2])
def test_targets_that_agree_copy_exactly(radius: int) -> None:
    field, values, pixels = shifted(18)
    weights = np.random.default_rng(1).random(len(field.targets)).astype(np.float32) + 0.1
    assert vote(values, field, pixels, weights, radius) == pytest.approx(values[pixels - 18], abs=1e-5)


def test_a_vote_counts_by_its_weight() -> None:
    field, values, pixels = shifted(18)
    odd = int(np.flatnonzero(field.targets == pixels[9])[0])
    field.best[odd] = field.sources[0]
    weights = np.ones(len(field.targets), np.float32)
    weights[odd] = 8
    around = [values[pixels[9] - 18]] * 8 + [values[field.sources[0]]] * 8
    assert vote(values, field, pixels[9:10], weights, 1)[0] == pytest.approx(np.mean(around, axis=0), abs=1e-5)


def test_what_is_no_target_says_nothing() -> None:
    field, values, _ = shifted(18)
    corner = field.targets[:1]
    weights = np.ones(len(field.targets), np.float32)
    assert vote(values, field, corner, weights, 2) == pytest.approx(values[corner - 18], abs=1e-5)
