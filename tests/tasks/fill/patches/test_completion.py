import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.fill.membrane import membrane
from tasks.fill.patches import completion
from tasks.fill.patches.completion import complete

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]


def guided(truth: Float, hole: Bool, deviation: float) -> Float:
    """What a soft generator makes of it."""
    return np.where(hole[:, :, None], cv2.GaussianBlur(truth, (0, 0), deviation), truth).astype(np.float32)


def periodic(shape: tuple[int, ...]) -> Float:
    """A texture of 8 × 12 px."""
    tile = np.random.default_rng(3).random((8, 12, 3)).astype(np.float32)
    tile = cv2.GaussianBlur(np.tile(tile, (3, 3, 1)), (0, 0), 0.8)[8:16, 12:24]
    return np.tile(tile, (shape[0] // 8 + 1, shape[1] // 12 + 1, 1))[: shape[0], : shape[1]]


def test_a_periodic_texture_is_continued_in_its_phase(disc: Bool) -> None:
    """But for what varies slowly, which the guide decides: it does not hold the texture at all."""
    truth = periodic(disc.shape)
    guide = guided(truth, disc, 6)
    made, field = complete(guide, disc, ~disc)
    before, after = (np.abs(values - truth)[disc].mean() for values in (guide, made))
    assert after < before / 4
    assert field is not None


def test_sources_are_never_read_from_holes(disc: Bool) -> None:
    """Known pixels that are no source change nothing but by where they lie beside the hole: here they are far away."""
    truth = np.random.default_rng(0).random((*disc.shape, 3)).astype(np.float32)
    source = ~disc
    source[:, :30] = False
    made, field = complete(guided(truth, disc, 4), disc, source)
    truth[:, :20] = 1 - truth[:, :20]
    again, _ = complete(guided(truth, disc, 4), disc, source)
    assert (made[disc] == again[disc]).all()
    assert field is not None
    width = field.shape[1]
    offset = completion.RADIUS
    y, x = np.divmod(field.best, width)
    for down in range(-2, 3):
        for right in range(-2, 3):
            assert source[y - offset + down, x - offset + right].all()


@pytest.mark.parametrize("slope", [0.0, 0.003])
def test_flat_and_sloping_pictures_stay_what_they_are(disc: Bool, slope: float) -> None:
    y, x = np.mgrid[: disc.shape[0], : disc.shape[1]].astype(np.float32)
    truth = np.stack([0.2 + slope * x, 0.3 + slope * y, 0.5 + slope * (x - y) / 2], axis=2).astype(np.float32)
    spread = membrane(np.where(disc[:, :, None], np.float32(0), truth), ~disc)
    made, _ = complete(spread, disc, ~disc)
    assert np.abs(made - truth)[disc].max() < 0.5 / 255


def test_known_pixels_are_returned_as_they_are(disc: Bool) -> None:
    truth = np.random.default_rng(0).random((*disc.shape, 3)).astype(np.float32)
    guide = guided(truth, disc, 3)
    kept = guide.copy()
    made, _ = complete(guide, disc, ~disc)
    assert (made[~disc] == truth[~disc]).all()
    assert (guide == kept).all()
    assert made.dtype == np.float32
    assert made.min() >= 0 and made.max() <= 1


def test_a_soft_guide_gets_the_grain_of_its_surroundings(disc: Bool) -> None:
    truth = (0.5 + np.random.default_rng(0).normal(0, 0.1, (*disc.shape, 3))).clip(0, 1).astype(np.float32)
    guide = guided(truth, disc, 8)
    made, _ = complete(guide, disc, ~disc)
    inner = cv2.erode(disc.view(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert guide[inner].std() < 0.02
    assert 0.05 < made[inner].std() < 0.12


def test_no_source_is_used_again_and_again(disc: Bool) -> None:
    """White noise under a flat guide: nothing but crowding says how often a place may be used."""
    truth = np.random.default_rng(0).random((*disc.shape, 3)).astype(np.float32)
    _, field = complete(guided(truth, disc, 8), disc, ~disc)
    assert field is not None
    uses = np.bincount(field.best)
    assert uses.max() <= 12
    assert np.count_nonzero(uses) > len(field.targets) / 4


def test_without_anything_to_copy_the_guide_stays(disc: Bool) -> None:
    guide = np.random.default_rng(0).random((*disc.shape, 3)).astype(np.float32)
    made, field = complete(guide, disc, np.zeros_like(disc))
    assert field is None
    assert (made == guide).all()


def test_the_number_of_distances_follows_the_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "_EXACT", 0)  # what the coarsest level may cost beyond is bounded by that
    for side in (60, 120, 240):
        truth = np.random.default_rng(0).random((side, side, 3)).astype(np.float32)
        hole = np.zeros((side, side), bool)
        hole[side // 3 : -side // 3, side // 3 : -side // 3] = True
        _, field = complete(guided(truth, hole, 4), hole, ~hole)
        assert field is not None
        assert field.tried <= len(field.targets) * 2 * (1 + 16 + 5)


@pytest.mark.parametrize("shape", [(5, 5), (6, 40), (17, 9)])
def test_small_windows_are_completed_or_left(shape: tuple[int, int]) -> None:
    hole = np.zeros(shape, bool)
    hole[shape[0] // 2, shape[1] // 2] = True
    values = np.random.default_rng(0).random((*shape, 3)).astype(np.float32)
    made, _ = complete(values, hole, ~hole)
    assert np.isfinite(made).all()
    assert (made[~hole] == values[~hole]).all()


def test_copies_that_do_not_agree_are_no_paler_than_what_is_copied(monkeypatch: pytest.MonkeyPatch, disc: Bool) -> None:
    """A texture that no copy continues exactly: the mean of several has less of it than each."""
    noise = np.random.default_rng(5).normal(0, 1, (*disc.shape, 3)).astype(np.float32)
    truth = (0.5 + 0.4 * cv2.GaussianBlur(noise, (0, 0), 1)).astype(np.float32)
    guide = guided(truth, disc, 8)

    def lively(values: Float, where: Bool) -> float:
        return float((values - cv2.GaussianBlur(values, (0, 0), 2))[where].std())

    kept = lively(complete(guide, disc, ~disc)[0], disc)
    monkeypatch.setattr(completion, "_LIVELY", 1.0)
    mean = lively(complete(guide, disc, ~disc)[0], disc)
    assert 1.04 * mean < kept < 1.02 * lively(truth, ~disc)


def test_a_guide_as_lively_as_its_surroundings_stays(disc: Bool) -> None:
    """A generator's own detail is not replaced by copies, however unlike them it is; a soft one's is."""
    noise = np.random.default_rng(6).normal(0, 1, (2, *disc.shape, 3)).astype(np.float32)
    truth, other = (0.5 + 0.15 * plane for plane in noise)
    sharp = np.where(disc[:, :, None], other, truth).astype(np.float32)
    made, field = complete(sharp, disc, ~disc)
    assert field is not None
    assert np.abs(made - sharp).max() < 0.01
    soft = guided(truth, disc, 8)
    made, _ = complete(soft, disc, ~disc)
    assert made[disc].std() > 2 * soft[disc].std()
