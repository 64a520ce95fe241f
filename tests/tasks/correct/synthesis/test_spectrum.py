import cv2
import numpy as np
import pytest
import torch

from tasks.correct.synthesis.descent import descended
from tasks.correct.synthesis.spectrum import Spectrum


def _wave(shape: tuple[int, int], period: float = 7.3) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    wave = 0.5 + 0.2 * np.sin(2 * np.pi * (0.8 * x + 0.6 * y) / period)
    return np.repeat(wave[:, :, None], 3, axis=2).astype(np.float32)


def _tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))


def _known() -> np.ndarray:
    known = np.ones((160, 160), bool)
    known[60:100, 60:100] = False
    return known


def test_the_picture_itself_is_near_and_others_are_far() -> None:
    known, wave = _known(), _wave((160, 160))
    spectrum = Spectrum(wave * known[:, :, None], known, (80, 96))
    itself, other, flat = (
        float(spectrum(_tensor(v[40:120, 30:126]))) for v in (wave, _wave((160, 160), 10.1), np.full_like(wave, 0.5))
    )
    assert itself < 0.15
    assert other > 1
    assert flat == pytest.approx(1, abs=0.05)


def test_a_sinusoid_that_is_fading_is_kept() -> None:
    """Of what a fill has left of it the phases are kept, and the modulus says how strong it is to be."""
    known, wave = _known(), _wave((160, 160))
    own = torch.from_numpy(~known[40:120, 40:120])
    faded = np.where(known[:, :, None], wave, 0.5 + 0.4 * (wave - 0.5)).astype(np.float32)
    shown = _tensor(faded[40:120, 40:120])
    spectrum = Spectrum(wave * known[:, :, None], known, (80, 80))
    noise = 0.02 * torch.randn(shown.shape, generator=torch.Generator().manual_seed(0))
    found, energies = descended(lambda w: spectrum(torch.where(own, w, shown)), shown + noise * own, 30, 1e-3)
    assert energies[-1] < 0.5 * energies[0]
    mine, truth = (v[:, own].ravel() for v in (found, _tensor(wave[40:120, 40:120])))
    assert float(torch.corrcoef(torch.stack([mine, truth]))[0, 1]) > 0.9
    assert float(mine.std()) > 0.7 * float(truth.std())


def test_noise_has_the_spectrum_of_noise_like_it() -> None:
    rng, known = np.random.default_rng(0), _known()
    fields = [0.5 + cv2.GaussianBlur(rng.normal(size=(160, 160, 3)), (0, 0), s).astype(np.float32) for s in (2, 2, 0.7)]
    fields = [0.5 + 0.1 * (v - v.mean()) / v.std() for v in fields]
    spectrum = Spectrum(fields[0] * known[:, :, None], known, (64, 64))
    like, unlike = (float(spectrum(_tensor(v.astype(np.float32)[48:112, 48:112]))) for v in fields[1:])
    assert like < 0.6 < unlike
