import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tasks.judge.truth import BEST_DB, against_truth, dice, psnr


@given(st.integers(0, 2**31), st.floats(0.001, 0.3))
@settings(deadline=None, max_examples=15)
def test_over_the_image_they_are_scikit_image_s(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random((40, 50, 3), dtype=np.float32)
    mask = np.zeros((40, 50), dtype=bool)
    mask[5:30, 10:20] = True
    off = rng.normal(0, noise, truth.shape).astype(np.float32) * mask[:, :, None]
    filled = np.clip(truth + off, 0, 1)
    found = against_truth(filled, truth, mask)
    assert found.psnr_image == pytest.approx(peak_signal_noise_ratio(truth, filled, data_range=1), rel=1e-4)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    assert found.ssim_image == pytest.approx(structural_similarity(truth, filled, channel_axis=2, **options), abs=1e-6)
    share = mask.mean()
    assert found.mse * share == pytest.approx(found.mse_image, rel=1e-9)
    assert found.l1 * share == pytest.approx(found.l1_image, rel=1e-9)
    assert found.ssim <= found.ssim_image + 1e-9
    assert found.psnr == pytest.approx(psnr(found.mse))


def test_the_truth_itself_is_the_best() -> None:
    truth = np.random.default_rng(0).random((30, 30, 3), dtype=np.float32)
    found = against_truth(truth, truth, np.eye(30, dtype=bool))
    assert (found.psnr, found.psnr_image) == (BEST_DB, BEST_DB)
    assert (found.ssim, found.dice, found.l1, found.mse) == (1, 1, 0, 0)


def test_more_noise_is_worse_by_every_measure() -> None:
    rng = np.random.default_rng(1)
    truth = 0.3 + 0.4 * rng.random((64, 64, 3), dtype=np.float32)
    mask = np.zeros((64, 64), dtype=bool)
    mask[10:50, 10:50] = True
    noise = rng.normal(0, 1, truth.shape).astype(np.float32) * mask[:, :, None]
    little, much = (against_truth(truth + s * noise, truth, mask) for s in (0.02, 0.08))
    for name in ("psnr", "ssim", "dice"):
        assert getattr(little, name) > getattr(much, name)
        assert getattr(little, f"{name}_image") > getattr(much, f"{name}_image")
    for name in ("l1", "mse"):
        assert getattr(little, name) < getattr(much, name)


def test_dice_of_binary_pictures_is_that_of_sets() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.random((2, 20, 20, 3)) < 0.4
    expected = 2 * (a & b).sum() / (a.sum() + b.sum())
    assert dice(a.astype(np.float32), b.astype(np.float32)) == pytest.approx(expected)
    assert dice(np.zeros((3, 3), np.float32), np.zeros((3, 3), np.float32)) == 1


def test_a_picture_too_small_for_a_window_has_no_ssim() -> None:
    truth = np.zeros((8, 30, 3), np.float32)
    found = against_truth(truth, truth, np.ones((8, 30), dtype=bool))
    assert np.isnan(found.ssim) and np.isnan(found.ssim_image)


def test_what_cannot_be_compared_is_refused() -> None:
    truth = np.zeros((20, 30, 3), np.float32)
    with pytest.raises(ValueError, match="empty"):
        against_truth(truth, truth, np.zeros((20, 30), dtype=bool))
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        against_truth(truth[:10], truth, np.ones((20, 30), dtype=bool))
