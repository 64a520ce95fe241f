import cv2
import numpy as np
import pytest

from tasks.correct.synthesis.exemplar import exemplar
from tasks.fill.correction import Window


def _picture(seed: int = 0) -> np.ndarray:
    """Fine texture on the left, coarse and lighter texture on the right."""
    rng = np.random.default_rng(seed)
    fine, coarse = (cv2.GaussianBlur(rng.normal(size=(120, 160, 3)), (0, 0), s) for s in (0.8, 3))
    left = (np.arange(160) < 80)[None, :, None]
    return np.where(left, 0.3 + 0.08 * fine / fine.std(), 0.7 + 0.08 * coarse / coarse.std()).astype(np.float32)


def _window(truth: np.ndarray, own: np.ndarray, known: np.ndarray | None = None) -> Window:
    known = ~own if known is None else known
    return Window(truth, np.where(known[:, :, None], truth, 0).astype(np.float32), known, own)


def _own() -> np.ndarray:
    own = np.zeros((120, 160), bool)
    own[40:76, 20:56] = True
    return own


@pytest.mark.parametrize("reference", ["matched", "ring"])
def test_it_is_known_and_apart_from_what_is_not_picture(reference: str) -> None:
    own = _own()
    known = ~own
    known[:, 150:] = False
    found = exemplar(_window(_picture(), own, known), reference, 0)
    assert found is not None
    assert own[tuple(found.hole.T)].all()
    assert known[tuple(found.known.T)].all()
    assert found.known[:, 1].max() < 144


def test_what_matches_is_like_the_hole_and_the_ring_is_all_there_is() -> None:
    window = _window(_picture(), _own())
    matched, ring = (exemplar(window, reference, 0) for reference in ("matched", "ring"))
    assert matched is not None
    assert ring is not None
    assert (matched.known[:, 1] < 80).mean() > 0.98
    assert 0.2 < (ring.known[:, 1] < 80).mean() < 0.7
    assert len(ring.hole) == _own().sum()


def test_where_nothing_matches_the_ring_is_taken_and_where_too_little_is_known_nothing() -> None:
    own, truth = _own(), np.full((120, 160, 3), 0.9, np.float32)
    window = _window(np.where(own[:, :, None], np.float32(0.1), truth), own)
    found = exemplar(window, "matched", 0)
    assert found is not None
    assert len(found.hole) == own.sum()
    assert exemplar(_window(truth, own, np.zeros_like(own)), "ring", 0) is None


def test_thinned_it_lies_on_a_grid_and_pairs_stay_pairs() -> None:
    found = exemplar(_window(_picture(), _own()), "ring", 0)
    assert found is not None
    hole, known = found.thinned(4, 10**6)
    assert len(hole) == len(known) == 81
    pairs = {(tuple(h), tuple(k)) for h, k in zip((found.hole).tolist(), (found.known // 4).tolist(), strict=True)}
    assert all((tuple(h * 4 + 2), tuple(k)) in pairs for h, k in zip(hole, known, strict=True))
    assert len(found.thinned(1, 100)[0]) <= 100
