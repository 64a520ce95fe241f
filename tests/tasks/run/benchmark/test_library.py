import numpy as np
import pytest

from tasks.run.benchmark import library
from tasks.run.benchmark.library import Library, biharmonic, navier_stokes, telea
from tasks.run.benchmark.method import Damaged, Unavailable
from tests.support import photo


@pytest.mark.parametrize("fill", [telea, navier_stokes, biharmonic])
def test_a_slope_is_continued(fill, damaged: Damaged) -> None:
    y, x = np.mgrid[:72, :96]
    truth = np.stack([x * 2, y * 2, x + y], axis=2).astype(np.uint8)
    blank = truth.copy()
    blank[damaged.mask] = 0
    made = fill(Damaged("a", "thin", blank, damaged.mask))
    assert (made.dtype, made.shape) == (np.uint8, truth.shape)
    off = np.abs(made[damaged.mask].astype(int) - truth[damaged.mask])
    assert off.mean() < 8
    assert (fill(Damaged("a", "thin", blank, damaged.mask)) == made).all()


def test_what_is_in_the_hole_is_not_looked_at(damaged: Damaged) -> None:
    other = damaged.pixels.copy()
    other[damaged.mask] = photo(72, 96, 9)[damaged.mask]
    for fill in (telea, navier_stokes, biharmonic):
        one, two = (fill(Damaged("a", "thin", p, damaged.mask))[damaged.mask] for p in (damaged.pixels, other))
        assert (one == two).all(), fill.__name__


def test_a_library_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Library("x", "a-package-that-nobody-has", telea)
    assert absent.version("p", "thin").endswith("not installed")
    with pytest.raises(Unavailable, match="pip install a-package-that-nobody-has"):
        absent.load(1)
    present = Library("telea", "opencv-python-headless", telea)
    assert present.load(1) is telea
    assert present.version("p", "thin") == present.version("q", "thick")


def test_patchmatch_is_seeded_and_asks_for_patches_of_seven(monkeypatch: pytest.MonkeyPatch, damaged: Damaged) -> None:
    """Against a stand-in, since the library need not be there; where it is, against itself too."""
    calls: list[object] = []

    class StandIn:
        def set_random_seed(self, seed: int) -> None:
            calls.append(seed)

        def inpaint(self, image: np.ndarray, mask: np.ndarray, patch_size: int) -> np.ndarray:
            calls.append((mask.dtype, int(mask.max()), int(np.count_nonzero(mask)), patch_size))
            return image

    monkeypatch.setattr(library, "import_module", lambda name: StandIn())
    assert (library.patchmatch(damaged) == damaged.pixels).all()
    assert calls == [library.PATCH_SEED, (np.uint8, 255, int(damaged.mask.sum()), 3)]


def test_the_real_patchmatch_gives_the_same_again(damaged: Damaged) -> None:
    pytest.importorskip("patchmatch")
    assert (library.patchmatch(damaged) == library.patchmatch(damaged)).all()
