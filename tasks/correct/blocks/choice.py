"""The choice: one candidate for each block of a grid, so that each is like its block and neighbours fit together."""

from dataclasses import dataclass

import numpy as np

from tasks.correct.blocks.grid import Bool, Float, Grid, Ints, patches

_ROUNDS = 24
_DAMPING = np.float32(0.5)
_NOISE = np.float32((2 / 255) ** 2)
_BATCH = 128
_FORBIDDEN = np.float32(1e6)


@dataclass(frozen=True)
class Edges:
    """Neighbouring blocks: `first`, `second` (E,), numbers of blocks, `second` right of or below `first`; `down` (E,)."""

    first: Ints
    second: Ints
    down: Bool


def edges_of(active: Bool) -> Edges:
    """Of the active blocks of a grid (rows, columns), numbered in reading order."""
    number = np.where(active, np.cumsum(active).reshape(active.shape) - 1, -1).astype(np.int64)
    pairs = [(number[:, :-1], number[:, 1:]), (number[:-1], number[1:])]
    kept = [(a.ravel(), b.ravel()) for a, b in pairs]
    kept = [(a[(a >= 0) & (b >= 0)], b[(a >= 0) & (b >= 0)]) for a, b in kept]
    down = np.repeat([False, True], [len(kept[0][0]), len(kept[1][0])])
    return Edges(np.concatenate([a for a, _ in kept]), np.concatenate([b for _, b in kept]), down)


def misfits(picture: Float, places: Ints, edges: Edges, grid: Grid) -> Float:
    """How badly candidates of neighbours fit where they overlap: places (N, K, 2) -> (E, K, K) in [0, 1].

    The mean square of their difference over the sum of their variances: 0 for one and the same source, 1 for strangers.
    """
    found = np.empty((len(edges.first), places.shape[1], places.shape[1]), dtype=np.float32)
    step, overlap = grid.step, grid.overlap
    for down in (False, True):
        chosen = np.flatnonzero(edges.down == down)
        for begin in range(0, len(chosen), _BATCH):
            part = chosen[begin : begin + _BATCH]
            ends = patches(picture, np.maximum(places[edges.first[part]], 0), grid.side)
            starts = patches(picture, np.maximum(places[edges.second[part]], 0), grid.side)
            a, b = (
                (ends[:, :, step:], starts[:, :, :overlap]) if down else (ends[..., step:, :], starts[..., :overlap, :])
            )
            a, b = (v.reshape(*v.shape[:2], -1, 3) for v in (a, b))
            spread = a.var(axis=2).sum(axis=2)[:, :, None] + b.var(axis=2).sum(axis=2)[:, None, :]
            a, b = (v.reshape(*v.shape[:2], -1) for v in (a, b))
            square = (a**2).sum(axis=2)[:, :, None] + (b**2).sum(axis=2)[:, None, :] - 2 * a @ b.swapaxes(1, 2)
            mean = 3 * np.maximum(square, 0) / a.shape[2]
            found[part] = np.minimum(mean / (spread + 6 * _NOISE), 1)
    return found


def choose(costs: Float, misfit: Float, edges: Edges) -> Ints:
    """The candidate of each block, (N,): min-sum belief propagation (Y. Weiss and W. Freeman, IEEE Trans. IT 47, 2001).

    costs (N, K) float32, infinite for what is no candidate; misfit (E, K, K), weighted. The total cost is never above that
    of each block's own best.
    """
    costs = np.minimum(costs, _FORBIDDEN)
    alone: Ints = costs.argmin(axis=1)
    if not len(edges.first):
        return alone
    # Both directions of each edge: from `tail` to `head`, cost (2E, of the tail, of the head).
    tail, head = np.concatenate([edges.first, edges.second]), np.concatenate([edges.second, edges.first])
    between = np.concatenate([misfit, misfit.swapaxes(1, 2)])
    back = np.roll(np.arange(len(tail)), len(edges.first))
    messages = np.zeros((len(tail), costs.shape[1]), dtype=np.float32)
    best, lowest = alone, _total(alone, costs, misfit, edges)
    for _ in range(_ROUNDS):
        belief = costs.copy()
        np.add.at(belief, head, messages)
        found: Ints = belief.argmin(axis=1)
        total = _total(found, costs, misfit, edges)
        if total < lowest:
            best, lowest = found, total
        told = ((belief[tail] - messages[back])[:, :, None] + between).min(axis=1)
        told -= told.min(axis=1, keepdims=True)
        messages = _DAMPING * messages + (1 - _DAMPING) * told
    return best


def _total(labels: Ints, costs: Float, misfit: Float, edges: Edges) -> float:
    own = costs[np.arange(len(labels)), labels].sum(dtype=np.float64)
    pairs = misfit[np.arange(len(misfit)), labels[edges.first], labels[edges.second]]
    return float(own + pairs.sum(dtype=np.float64))


def offered(places: Ints, corners: Ints, edges: Edges, usable: Bool, count: int) -> Ints:
    """What neighbours would have a block take: their first `count` places, moved on by as much as the blocks lie apart.

    places (N, K, 2), corners (N, 2), usable (h, w) bool: where a known block begins -> (N, 4 · count, 2), −1 for none.
    """
    result = np.full((len(corners), 4, count, 2), -1, dtype=np.int64)
    for side, (tail, head) in enumerate(((edges.first, edges.second), (edges.second, edges.first))):
        theirs = places[tail, :count]
        moved = theirs + (corners[head] - corners[tail])[:, None]
        inside = (theirs >= 0).all(axis=2) & (moved >= 0).all(axis=2) & (moved < usable.shape).all(axis=2)
        inside[inside] = usable[tuple(moved[inside].T)]
        result[head, 2 * side + edges.down, : moved.shape[1]] = np.where(inside[..., None], moved, -1)
    return result.reshape(len(corners), -1, 2)
