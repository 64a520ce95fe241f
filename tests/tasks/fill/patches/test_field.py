import numpy as np
import pytest

from tasks.fill.patches.field import Field


def made(seed: int, side: int = 48) -> tuple[Field, np.ndarray]:
    """Targets in the right half, sources in the left; smooth features, each target's twin among the sources."""
    rng = np.random.default_rng(seed)
    left = rng.random((side, side // 2, 6)).astype(np.float32)
    features = np.concatenate([left, left], axis=1)
    places = np.arange(side * side, dtype=np.int32).reshape(side, side)
    targets, sources = places[:, side // 2 :].ravel(), places[:, : side // 2].ravel()
    return Field((side, side), targets, sources, rng.permutation(sources)), features.reshape(-1, 6)


def test_every_source_is_tried_where_it_is_asked_for() -> None:
    field, features = made(0)
    field.search_all(features)
    assert (field.best == field.targets - 24).all()
    assert field.distance == pytest.approx(0, abs=1e-9)
    assert field.tried == len(field.targets) * (len(field.sources) + 1)


@pytest.mark.parametrize("seed", range(4))
def test_a_coherent_copy_spreads_from_a_few_good_places(seed: int) -> None:
    field, features = made(seed)
    good = np.random.default_rng(seed).choice(len(field.targets), 10, replace=False)
    field.best[good] = field.targets[good] - 24
    for _ in range(4):
        field.measure(features)
        field.search(features, np.random.default_rng(seed), 16)
    assert (field.best == field.targets - 24).mean() > 0.98


@pytest.mark.parametrize("seed", range(3))
def test_searching_never_worsens_a_distance_nor_leaves_the_sources(seed: int) -> None:
    field, features = made(seed)
    field.measure(features)
    before = field.distance.copy()
    field.search(features, np.random.default_rng(seed), 16)
    assert (field.distance <= before).all()
    assert np.isin(field.best, field.sources).all()
    stated = field.distance.copy()
    field.measure(features)
    assert field.distance == pytest.approx(stated)


def test_the_number_of_distances_follows_targets_times_the_logarithm_of_the_radius() -> None:
    for side in (24, 48, 96):
        field, features = made(0, side)
        field.measure(features)
        field.search(features, np.random.default_rng(0), side)
        assert field.tried <= len(field.targets) * (1 + 16 + np.log2(side) + 1)


def test_sources_that_are_alike_share_the_uses() -> None:
    field, features = made(0)
    features[:] = np.random.default_rng(1).normal(0, 0.1, features.shape)
    features[field.sources] = 0  # only crowding can tell them apart
    field.best[:] = field.sources[300]
    field.measure(features)
    alone = field.distance.mean()
    field.crowd(0.5, 5)
    field.measure(features)
    assert field.distance.mean() > 2 * alone
    for turn in range(8):
        field.search(features, np.random.default_rng(turn), 16)
        field.crowd(0.5, 5)
        field.measure(features)
    assert np.bincount(field.best).max() < len(field.targets) / 3
