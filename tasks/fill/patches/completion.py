"""Completion: a window's hole, from coarse to fine, by search and vote in turn, and what the guide keeps of it."""

import cv2
import numpy as np

from tasks.fill.patches.features import COUNT, FIXED, RADIUS, SIDE, describe, describe_place
from tasks.fill.patches.field import Bool, Field, Float, Index
from tasks.fill.patches.level import Level, levels_of
from tasks.fill.patches.vote import vote

# From fine to coarse: how often patches are searched and vote, and what the guide weighs. The coarsest scale is a
# quarter: coarser patches, wholly known, are rare around a large hole, and the guide says what they would.
_TURNS = (2, 3, 5)
_GUIDE = (0.25, 0.5, 1.0)
_EXACT = 10**8  # distances: the coarsest level tries every source for every target where there are no more
_RADII = (16, 64)  # px of random search; the second where nothing was found before
_CROWDING = 0.5
_DECAY = 1.2  # a target's vote is worth so much less for each pixel that it lies deeper in the hole
_SHARP = 2.0
_LAST = 1  # px: the last vote is nearly a copy; radius of what votes
_LIVELY, _LIVELY_PX = 1.6, 4.0  # how much the last vote may be raised, by energies over so many px
# Of the detail of copies, by deviation over so many px: with the first the guide has too little, with the second enough.
_NEED, _NEED_PX = (0.5, 0.8), 12.0
_RING = 3.0  # what a known pixel beside the hole weighs against one of the guide
_KEPT = 3.0  # px: what varies more slowly is the guide's, what varies faster is the patches'


def complete(values: Float, hole: Bool, source: Bool) -> tuple[Float, Field | None]:
    """values (H, W, 3) float32 in [0, 1], holes filled by a guide -> the same, `hole` (H, W) bool completed, and the
    finest field; `values` and None where nothing can be copied.

    source (H, W) bool, outside the hole: what may be copied. Outside the hole values are returned as they are. Nothing
    here depends on where in an image the window lies. Wexler (PAMI 2007) with He and Sun's remark (ECCV 2012) that the
    last vote is a copy; low frequencies are the guide's in the end: it is right about them more often than a copy.
    """
    levels = levels_of(values, hole, source, len(_TURNS))
    found: tuple[Field, Level] | None = None
    image = values
    for number in reversed(range(len(levels))):
        level = levels[number]
        if not len(level.sources) or not len(level.targets):
            continue
        image, field = _completed(level, number, found)
        found = field, level
    if found is None or found[1] is not levels[0]:
        return values, None
    made = _toned(image, levels[0])[: hole.shape[0], : hole.shape[1]]
    return np.where(hole[:, :, None], values + _needed(values, made, hole) * (made - values), values), found[0]


def _needed(guide: Float, copied: Float, hole: Bool) -> Float:
    """How much the guide needs copies, (H, W, 1) in [0, 1]: nothing where it is as lively as they are, all where it is soft.

    A good generator's fill has its own detail, and knows what it belongs to; copies know nothing.
    """

    def lively(values: Float) -> Float:
        fine = values - cv2.GaussianBlur(values, (0, 0), _KEPT)
        return np.asarray(cv2.GaussianBlur(np.square(fine).sum(axis=2) * hole, (0, 0), _NEED_PX), dtype=np.float32)

    ratio = np.sqrt(lively(guide) / np.maximum(lively(copied), np.float32(1e-12)))
    least, enough = _NEED
    return np.asarray(np.clip((enough - ratio) / (enough - least), 0, 1), dtype=np.float32)[:, :, None]


def _toned(copied: Float, level: Level) -> Float:
    """What was copied, with the slow variation of the guide in the hole and of the picture next to it: no border.

    copied (H, W, 3): also what is copied around the hole says of the known pixels there, so that it is seen how far the
    copies are from meeting them.
    """
    weight = level.hole.astype(np.float32)
    weight.ravel()[level.targets] += np.float32(_RING) * (1 - weight.ravel()[level.targets])
    wrong = (level.values - copied) * weight[:, :, None]
    share = np.maximum(cv2.GaussianBlur(weight, (0, 0), _KEPT), np.float32(1e-6))
    smooth = cv2.GaussianBlur(wrong, (0, 0), _KEPT) / share[:, :, None]
    inner = slice(RADIUS, -RADIUS)
    return np.clip(copied + smooth, 0, 1).astype(np.float32)[inner, inner]


def _completed(level: Level, number: int, coarser: tuple[Field, Level] | None) -> tuple[Float, Field]:
    """One level, `number` halvings down: its values completed, at the finest around the hole too, and the field."""
    # Seeded by what is done, not by where or when: the same surroundings give the same fill.
    rng = np.random.default_rng(number)
    best = level.drawn(len(level.targets), rng) if coarser is None else level.finer(*coarser, rng)
    field = Field((level.hole.shape[0], level.hole.shape[1]), level.targets, level.sources, best)
    features = np.empty((*level.hole.shape, COUNT + FIXED), dtype=np.float32)
    describe_place(level.values, _GUIDE[number], 1 << number, features)
    flat = features.reshape(-1, COUNT + FIXED)
    hole = np.flatnonzero(level.hole).astype(np.int32)
    image, trust = level.values, np.power(np.float32(_DECAY), -level.depth)
    if coarser is not None:
        image = _voted(level.values, field, hole, trust, RADIUS)
    for turn in range(_TURNS[number]):
        describe(image, features)
        if turn:
            field.crowd(_CROWDING, SIDE)
        if turn == 0 and coarser is None and len(level.sources) * len(level.targets) <= _EXACT:
            field.search_all(flat)
        else:
            field.measure(flat)
            field.search(flat, rng, _RADII[turn == 0 and coarser is None])
        scale = np.float32(_SHARP) / (np.percentile(field.distance, 75) + np.float32(1e-8))
        weights = np.maximum(np.exp(-field.distance * scale), np.float32(1e-6)) * trust
        weights = weights.astype(np.float32)
        if number == 0 and turn == _TURNS[0] - 1:
            # What is copied in the end is detail, over the guide's levels: in a sky no two places have one colour.
            smooth = np.asarray(cv2.GaussianBlur(level.values, (0, 0), _KEPT), dtype=np.float32)
            image = smooth + _copied(level.values - smooth, field, level.targets, weights)
        else:
            image = _voted(level.values, field, hole, weights, RADIUS)
    return image, field


def _copied(fine: Float, field: Field, pixels: Index, weights: Float) -> Float:
    """fine (H, W, 3), on `pixels` what the last vote says, as lively as what it was copied from.

    A mean of copies that do not agree is paler than each; its energy near a place is brought to theirs, up to a limit (as
    variance-preserving blending does: E. Heitz and F. Neyret, "High-Performance By-Example Noise using a
    Histogram-Preserving Blending Operator", HPG 2018; here by energies that are measured).
    """
    four = np.empty((fine.shape[0] * fine.shape[1], 4), dtype=np.float32)
    four[:, :3] = fine.reshape(-1, 3)
    np.square(four[:, :3]).sum(axis=1, out=four[:, 3])
    mean = vote(four, field, pixels, weights, _LAST)
    energies = np.zeros((*fine.shape[:2], 2), dtype=np.float32)
    energies.reshape(-1, 2)[pixels] = np.stack([mean[:, 3], np.square(mean[:, :3]).sum(axis=1)], axis=1)
    theirs, its = cv2.GaussianBlur(energies, (0, 0), _LIVELY_PX).reshape(-1, 2)[pixels].T
    gain = np.sqrt(theirs / np.maximum(its, np.float32(1e-12))).clip(1, _LIVELY)
    four[pixels, :3] = mean[:, :3] * gain[:, None]
    return np.ascontiguousarray(four[:, :3]).reshape(fine.shape)


def _voted(values: Float, field: Field, pixels: Index, weights: Float, radius: int) -> Float:
    """values (H, W, 3), on `pixels` what is voted."""
    four = np.zeros((values.shape[0] * values.shape[1], 4), dtype=np.float32)
    four[:, :3] = values.reshape(-1, 3)
    four[pixels] = vote(four, field, pixels, weights, radius)
    return np.ascontiguousarray(four[:, :3]).reshape(values.shape)
