"""Correction `block_matching`: blocks of the fill give way to known blocks like them; texture comes from the picture itself.

A generator's fill has the right colours in the right places and too little texture. Each block of a grid over the hole is
looked up among all known blocks around it (`blocks.search`): normalised cross-correlation, a gate on the histograms of the
channels, distance. Of the candidates, and of those that neighbours would continue with, one is chosen for each block so
that neighbours fit together (`blocks.choice`); to stay as it is, is a candidate too. Cuts of least error part overlapping
blocks (`blocks.cuts`), and the picture is put together from gradients (`blocks.gradients`), coarse colours as in the fill.
"""

from dataclasses import dataclass, field

import numpy as np

from tasks.correct.blocks.choice import choose, edges_of, misfits, offered
from tasks.correct.blocks.cuts import owners
from tasks.correct.blocks.gradients import joined
from tasks.correct.blocks.grid import Bool, Float, Grid, Ints, Scene, grid_of, patches, scene_of, sums, touched
from tasks.correct.blocks.search import Likeness, moved, search, unlikeness
from tasks.correct.settings import BlockMatchingSettings
from tasks.fill.correction import Reach, Window

# What other corrections refer to: a like for nearly every block, also where the fill is off in colour.
REFERENCE = BlockMatchingSettings(block_px=24, candidates=4, histogram=0.2, kept=2)

_LEAST_PX, _MOST_PX = 64, 384
_OFFERED = 2  # of each neighbour
_FRONTIER = 4.0  # what is known counts so much more than what the generator made
_BATCH = 64


@dataclass(frozen=True)
class Matches:
    """Where each pixel of the hole has its like among what is known.

    offsets (h, w, 2): from a pixel of the window to its source, 0 where there is none, and outside of the hole; found
    (h, w) bool: pixels of the hole that have one; area (h, w) bool: known pixels that are a source.
    """

    offsets: Ints
    found: Bool
    area: Bool

    def sources(self, picture: Float) -> Float:
        """The sources of what is found, in reading order: picture (h, w, 3) -> (N, 3)."""
        y, x = np.nonzero(self.found)
        moved_by = self.offsets[y, x]
        return np.asarray(picture[y + moved_by[:, 0], x + moved_by[:, 1]])


@dataclass(frozen=True)
class BlockMatching:
    """The correction, with its settings."""

    settings: BlockMatchingSettings = field(default_factory=BlockMatchingSettings)

    @property
    def reach(self) -> Reach:
        """In proportion to the hole."""
        return Reach(self.settings.context, max(_LEAST_PX, 2 * self.settings.block_px), _MOST_PX)

    def __call__(self, window: Window) -> Float:
        """See `tasks.fill.correction.Correction`."""
        if not window.own.any():
            return window.fill
        scene = _scene(window, self.settings)
        offsets = _offsets(scene, self.settings)
        if not offsets.any():
            return window.fill
        real = np.pad(window.known | window.own, scene.margin)
        rows, columns = (np.flatnonzero(scene.own.any(axis=axis)) for axis in (1, 0))
        box = slice(int(rows[0]) - 1, int(rows[-1]) + 2), slice(int(columns[0]) - 1, int(columns[-1]) + 2)
        shown = joined(scene.picture, offsets, scene.own, real, self.settings.guided_px, box)
        inner = slice(scene.margin, -scene.margin)
        result = window.fill.copy()
        np.copyto(result, np.clip(shown[inner, inner], 0, 1), where=window.own[:, :, None])
        return result


def matches(window: Window, settings: BlockMatchingSettings) -> Matches:
    """The known likes of a hole's pixels; what `block_matching` shows there, and what other corrections may refer to."""
    if not window.own.any():
        nothing = np.zeros(window.own.shape, dtype=bool)
        return Matches(np.zeros((*window.own.shape, 2), dtype=np.int64), nothing, nothing)
    scene = _scene(window, settings)
    inner = slice(scene.margin, -scene.margin)
    offsets = np.where(scene.own[:, :, None], _offsets(scene, settings), 0)[inner, inner]
    found: Bool = np.asarray(offsets.any(axis=2))
    area = np.zeros_like(found)
    y, x = np.nonzero(found)
    area[y + offsets[y, x, 0], x + offsets[y, x, 1]] = True
    return Matches(offsets, found, area)


def _scene(window: Window, settings: BlockMatchingSettings) -> Scene:
    return scene_of(window.shown, window.known, window.own, settings.block_px + 1)


def _offsets(scene: Scene, settings: BlockMatchingSettings) -> Ints:
    """From each pixel of a scene to its source, (h, w, 2); 0 where it is to stay."""
    offsets = np.zeros((*scene.own.shape, 2), dtype=np.int64)
    grid = grid_of(scene.own, settings.block_px)
    active = touched(grid, scene.own)
    corners = grid.corners()
    chosen = corners.copy()
    chosen[active] = _chosen(scene, grid, active, settings)
    if (chosen == corners).all():
        return offsets
    owner = owners(scene.picture, chosen, grid)
    offsets[grid.box] = (chosen - corners).reshape(-1, 2)[owner]
    return offsets


def _chosen(scene: Scene, grid: Grid, active: Bool, settings: BlockMatchingSettings) -> Ints:
    """What each active block shows: (N, 2)."""
    side = grid.side
    corners = grid.corners()[active]
    edges = edges_of(active)
    like = Likeness(settings.histogram, settings.distance)
    places = search(scene, corners, side, settings.candidates, like)
    usable = sums(scene.known, side) == side * side
    places = np.concatenate([places, offered(places, corners, edges, usable, _OFFERED)], axis=1)
    costs = _costs(scene, corners, places, side, like)
    # A block may stay as it is: where nothing known is like it.
    places = np.concatenate([places, corners[:, None]], axis=1)
    costs = np.concatenate([costs, np.full((len(corners), 1), settings.kept, dtype=np.float32)], axis=1)
    misfit = np.float32(settings.coherence) * misfits(scene.picture, places, edges, grid)
    return np.asarray(places[np.arange(len(places)), choose(costs, misfit, edges)])


def _costs(scene: Scene, corners: Ints, places: Ints, side: int, like: Likeness) -> Float:
    """What each candidate costs: (N, K) float32, infinite where there is none or the gate is shut."""
    costs = np.full(places.shape[:2], np.inf, dtype=np.float32)
    far = np.float32(max(scene.own.shape))
    weights = np.where(
        patches(scene.known[:, :, None].astype(np.float32), corners, side)[..., 0] > 0,
        np.float32(_FRONTIER),
        np.float32(1),
    )
    for begin in range(0, len(corners), _BATCH):
        part = slice(begin, begin + _BATCH)
        mine, theirs = patches(scene.picture, corners[part], side), patches(scene.picture, places[part], side)
        off = moved(mine, theirs)
        away = np.hypot(*np.moveaxis(places[part] - corners[part, None], 2, 0)).astype(np.float32) / far
        cost = unlikeness(mine, theirs, weights[part]) + off / np.float32(like.histogram)
        cost += np.float32(like.distance) * away
        costs[part] = np.where((places[part, :, 0] >= 0) & (off <= like.histogram), cost, np.inf)
    return costs
