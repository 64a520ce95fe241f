import itertools

import numpy as np
import pytest

from tasks.correct.blocks.choice import choose, edges_of, misfits, offered
from tasks.correct.blocks.grid import grid_of, patches


def _cost(labels, costs, misfit, edges) -> float:
    own = sum(costs[i, label] for i, label in enumerate(labels))
    return own + sum(
        misfit[e, labels[a], labels[b]] for e, (a, b) in enumerate(zip(edges.first, edges.second, strict=True))
    )


@pytest.mark.parametrize("seed", range(10))
def test_a_chain_is_solved_exactly_and_a_loop_never_worse_than_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for shape in ((1, 6), (6, 1), (2, 3)):
        edges = edges_of(np.ones(shape, bool))
        costs = rng.random((6, 3), dtype=np.float32)
        misfit = rng.random((len(edges.first), 3, 3), dtype=np.float32)
        found = _cost(choose(costs, misfit, edges), costs, misfit, edges)
        best = min(_cost(labels, costs, misfit, edges) for labels in itertools.product(range(3), repeat=6))
        assert found <= _cost(costs.argmin(axis=1), costs, misfit, edges) + 1e-5
        if 1 in shape:
            assert found == pytest.approx(best, abs=1e-4)


def test_what_is_no_candidate_is_never_chosen() -> None:
    edges = edges_of(np.ones((2, 2), bool))
    costs = np.full((4, 3), np.inf, np.float32)
    costs[:, 1] = 5
    misfit = np.ones((4, 3, 3), np.float32)
    misfit[:, 0, 0] = 0
    assert (choose(costs, misfit, edges) == 1).all()


def test_edges_join_active_neighbours() -> None:
    active = np.array([[1, 1, 0], [0, 1, 1]], bool)  # numbers 0 1 . / . 2 3
    edges = edges_of(active)
    assert list(zip(edges.first, edges.second, edges.down, strict=True)) == [(0, 1, False), (2, 3, False), (1, 2, True)]


def test_sources_at_one_offset_fit_and_strangers_do_not() -> None:
    picture = np.random.default_rng(0).random((80, 80, 3), dtype=np.float32)
    own = np.zeros((80, 80), bool)
    own[40:70, 40:70] = True
    grid = grid_of(own, 12)
    corners = grid.corners().reshape(-1, 2)
    edges = edges_of(np.ones((grid.rows, grid.columns), bool))
    places = np.stack([corners - 30, corners - (37, 22)], axis=1)
    found = misfits(picture, places, edges, grid)
    assert found[:, [0, 1], [0, 1]].max() < 1e-4
    assert found[:, [0, 1], [1, 0]].min() > 0.6
    a, b = places[edges.first[0], 0], places[edges.second[0], 1]
    left, right = patches(picture, a, 12)[:, grid.step :], patches(picture, b, 12)[:, : grid.overlap]
    spread = left.var(axis=(0, 1)).sum() + right.var(axis=(0, 1)).sum()
    expected = 3 * ((left - right) ** 2).mean() / spread
    assert found[0, 0, 1] == pytest.approx(min(1, expected), abs=0.01)


def test_neighbours_offer_where_they_would_go_on() -> None:
    active = np.ones((1, 2), bool)
    corners, places = np.array([[20, 20], [20, 28]]), np.array([[[5, 5], [1, 2]], [[3, 4], [-1, -1]]])
    usable = np.ones((30, 30), bool)
    usable[1, 10] = False
    found = offered(places, corners, edges_of(active), usable, 2)
    assert [place for place in found[1].tolist() if place[0] >= 0] == [[5, 13]]  # (1, 10) cannot be used
    assert [place for place in found[0].tolist() if place[0] >= 0] == []  # (3, −4) is outside
