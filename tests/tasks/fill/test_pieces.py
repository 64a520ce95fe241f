import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill import pieces as module
from tasks.fill.holes import Hole, find_holes
from tasks.fill.pieces import MARGIN_PX, OVERLAP_PX, Piece, margin_of, pieces_of
from tasks.fill.settings import FillSettings

SETTINGS = FillSettings(context=2.0, min_region_px=96)


def tear(seed: int, shape: tuple[int, int] = (700, 900), width: int | None = None) -> Hole:
    """One connected stroke with bends."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, np.uint8)
    points = np.stack([rng.integers(0, shape[1], 6), rng.integers(0, shape[0], 6)], axis=1).astype(np.int32)
    cv2.polylines(mask, [points[:, None]], False, 1, width or int(rng.integers(1, 30)))
    return find_holes(mask.astype(bool), 0)[0]


def weights(hole: Hole, pieces: list[Piece]) -> np.ndarray:
    return np.stack([piece.weight(hole.y, hole.x, hole.h, hole.w) for piece in pieces])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_weights_sum_to_one_and_lie_within_their_boxes(seed: int) -> None:
    hole = tear(seed)
    pieces = pieces_of(hole, SETTINGS)
    found = weights(hole, pieces)
    assert np.abs(found.sum(axis=0) - 1)[hole.own].max() < 1e-6
    for piece, weight in zip(pieces, found, strict=True):
        outside = hole.own & (weight > 0)
        outside[piece.y - hole.y : piece.y - hole.y + piece.h, piece.x - hole.x : piece.x - hole.x + piece.w] = False
        assert not outside.any()
        inside = hole.own[piece.y - hole.y :, piece.x - hole.x :][: piece.h, : piece.w]
        assert inside.any(axis=1)[[0, -1]].all() and inside.any(axis=0)[[0, -1]].all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_weights_have_no_edge(seed: int) -> None:
    hole = tear(seed)
    found = weights(hole, pieces_of(hole, SETTINGS))
    steepest = 1.5 / (2 * OVERLAP_PX) + 1e-6  # the middle of 3t² − 2t³
    assert np.abs(np.diff(found, axis=1)).max(initial=0) <= steepest
    assert np.abs(np.diff(found, axis=2)).max(initial=0) <= steepest


@pytest.mark.parametrize("width", [3, 12, 40])
def test_a_long_tear_is_shown_at_native_size(width: int) -> None:
    mask = np.zeros((1500, 2500), np.uint8)
    cv2.line(mask, (100, 100), (2400, 1400), (1,), width)
    pieces = pieces_of(find_holes(mask.astype(bool), 0)[0], SETTINGS)
    assert len(pieces) > 4
    for piece in pieces:
        x0, y0, x1, y1 = piece.window
        assert max(x1 - x0, y1 - y0) <= SETTINGS.max_region_px
    shown = sum((p.w + 2 * p.margin) * (p.h + 2 * p.margin) for p in pieces)
    assert shown < 0.3 * 1500 * 2500


@pytest.mark.parametrize("size", [20, 100, 400, 900])
def test_what_is_thick_is_not_cut(size: int) -> None:
    y, x = np.mgrid[:size, :size] - size / 2
    for own in (np.ones((size, size), bool), y**2 + x**2 <= (size / 2) ** 2):
        pieces = pieces_of(Hole(50, 60, size, size, own), SETTINGS)
        assert len(pieces) == 1 and pieces[0].whole
        assert (pieces[0].x, pieces[0].y, pieces[0].w, pieces[0].h) == (50, 60, size, size)


def test_a_tail_is_cut_off_what_is_thick() -> None:
    own = np.zeros((300, 1200), bool)
    own[:, :300] = True
    own[145:155] = True
    pieces = sorted(pieces_of(Hole(0, 0, 1200, 300, own), SETTINGS), key=lambda piece: piece.x)
    assert len(pieces) > 1
    assert pieces[0].w >= 300 and pieces[0].margin == MARGIN_PX
    assert all(piece.margin < 50 for piece in pieces[1:])


@given(st.integers(0, 2**32 - 1), st.integers(0, 500), st.integers(0, 500))
@settings(max_examples=10, deadline=None)
def test_a_moved_hole_is_cut_alike(seed: int, right: int, down: int) -> None:
    hole = tear(seed)
    there = pieces_of(Hole(hole.x + right, hole.y + down, hole.w, hole.h, hole.own), SETTINGS)

    def moved(place: int | None, by: int) -> int | None:
        return None if place is None else place + by

    assert there == [
        Piece(
            piece.x + right,
            piece.y + down,
            piece.w,
            piece.h,
            piece.margin,
            moved(piece.left, right),
            moved(piece.top, down),
            moved(piece.right, right),
            moved(piece.bottom, down),
        )
        for piece in pieces_of(hole, SETTINGS)
    ]


def test_a_huge_hole_is_looked_at_coarsely_and_is_covered_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FINEST", 40_000)
    for seed in range(6):
        hole = tear(seed)
        pieces = pieces_of(hole, SETTINGS)
        found = weights(hole, pieces)
        assert np.abs(found.sum(axis=0) - 1)[hole.own].max() < 1e-6
        for piece, weight in zip(pieces, found, strict=True):
            outside = hole.own & (weight > 0)
            outside[piece.y - hole.y : piece.y - hole.y + piece.h, piece.x - hole.x : piece.x - hole.x + piece.w] = (
                False
            )
            assert not outside.any()


@pytest.mark.parametrize("context", [1.0, 2.0, 16.0])
def test_context_is_in_proportion_within_limits(context: float) -> None:
    policy = FillSettings(context=context, min_region_px=96)
    margins = [margin_of(thickness, policy) for thickness in range(1, 600)]
    assert margins == sorted(margins)
    assert margins[0] == 40 and margins[-1] == (40 if context == 1 else MARGIN_PX)
    assert 100 * (context - 1) / 2 > MARGIN_PX or margins[99] == max(40, round(100 * (context - 1) / 2))
