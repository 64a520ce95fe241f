import numpy as np
import pytest

from tasks.correct.transport import Flow, distance, slices, tamed


def _cloud(seed: int = 0, count: int = 800) -> np.ndarray:
    mix = np.array([[0.1, 0.05, 0], [0, 0.06, 0.02], [0.02, 0, 0.08]])
    return (0.5 + np.random.default_rng(seed).normal(size=(count, 3)) @ mix).astype(np.float32)


def test_directions_are_seeded_and_of_length_one() -> None:
    found = slices(16, 3)
    assert found.shape == (3, 16)
    assert np.allclose((found**2).sum(axis=0), 1)
    assert (found == slices(16, 3)).all()
    assert (found != slices(16, 4)).any()


def test_of_a_shift_the_distance_is_a_third_of_its_square() -> None:
    cloud, shift = _cloud(), np.float32([0.1, -0.05, 0.02])
    directions = slices(400, 0)
    assert distance(cloud, cloud, directions) == pytest.approx(0, abs=1e-9)
    exact = float(((directions.T @ shift) ** 2).mean())
    assert distance(cloud, cloud + shift, directions) == pytest.approx(exact, rel=1e-4)
    assert exact == pytest.approx(float((shift**2).sum()) / 3, rel=0.1)


def test_the_flow_is_minus_the_gradient() -> None:
    cloud, reference, directions = _cloud(1, 60).astype(np.float64), _cloud(2, 60) * 1.1, slices(12, 0)
    flow = Flow(cloud.astype(np.float32), reference, directions)(cloud.astype(np.float32))
    for index in (0, 17, 43):
        for channel in range(3):
            up, down = cloud.copy(), cloud.copy()
            up[index, channel] += 1e-5
            down[index, channel] -= 1e-5
            slope = (distance(up, reference, directions) - distance(down, reference, directions)) / 2e-5
            assert -slope / 2 * len(cloud) == pytest.approx(flow[index, channel], abs=1e-3)


def test_colours_that_are_equal_move_together() -> None:
    cloud = np.full((100, 3), 0.4, np.float32)
    flow = Flow(cloud, _cloud(count=100), slices(8, 0))(cloud)
    assert np.abs(flow - flow[0]).max() < 1e-5


def test_a_reference_is_spread_no_more_than_allowed_and_keeps_its_mean() -> None:
    mine, wide = 0.5 + (_cloud(3) - 0.5) * 0.2, _cloud(4)
    found = tamed(wide, mine, 1.5)
    assert found.mean(axis=0) == pytest.approx(wide.mean(axis=0), abs=1e-5)
    assert (found.std(axis=0) <= 1.7 * mine.std(axis=0) + 0.01).all()
    assert np.abs(tamed(mine, mine, 1.5) - mine).max() < 1e-5
    assert tamed(wide, np.full((50, 3), 0.3, np.float32), 1.5).std() < 2 / 255
