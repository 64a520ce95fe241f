"""The spectrum constraint: a texture has the power of its exemplar at every frequency, so that what is periodic stays so."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]


class Spectrum:
    """Distance of a picture's spectrum from that of known pixels.

    G. Liu, Y. Gousseau and G.-S. Xia, "Texture Synthesis Through Convolutional Neural Networks and Spectrum Constraints",
    ICPR 2016, arXiv 1605.01141: the mean squared distance to the nearest picture with the given modulus at every frequency,
    which is Σ (|F I| − T)², here over Σ T². The exemplar need not be a rectangle: T² are the spectra of the
    autocovariances of the known pixels. I is the hole among its surroundings under a Hann window, so that the phases
    of what is periodic fit to what is known.
    """

    def __init__(self, picture: Float, known: Bool, shape: tuple[int, int]) -> None:
        """picture (h, w, 3), known (h, w) bool, True somewhere; shape: of what is to be measured."""
        bells = [np.hanning(side + 2)[1:-1] for side in shape]
        self._window = torch.from_numpy(np.outer(*bells).astype(np.float32))
        self._level = torch.from_numpy(picture[known].mean(axis=0)).view(3, 1, 1)
        power = _power(picture - picture[known].mean(axis=0), known, bells)
        modulus = np.sqrt(power)[:, :, : shape[1] // 2 + 1]
        self._modulus = torch.from_numpy(modulus.astype(np.float32))
        self._total = float(self._modulus.square().sum()) + 1e-9

    def __call__(self, picture: Tensor) -> Tensor:
        """picture (3, h, w) of the shape -> its distance, 0 where every modulus is as it should be."""
        spectrum = torch.fft.rfft2((picture - self._level) * self._window)
        modulus = torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-9)
        return (modulus - self._modulus).square().sum() / self._total


def _power(values: Float, where: Bool, bells: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """What |F I|² is to be expected of values (h, w, 3) of mean 0 `where`, under a window, the product of two: (3, h, w).

    The transform of their autocovariance times that of the window, folded as the discrete transform folds it.
    """
    shape = [len(bell) for bell in bells]
    size = [cv2.getOptimalDFTSize(side + reach) for side, reach in zip(where.shape, shape, strict=True)]
    near = [np.arange(1 - side, side) for side in shape]
    cut = np.ix_(*(lags % whole for lags, whole in zip(near, size, strict=True)))
    folds = np.ix_(*(lags % side for lags, side in zip(near, shape, strict=True)))
    pairs = _correlated(where.astype(np.float64), size)[cut]
    weight = np.outer(*(np.correlate(bell, bell, "full") for bell in bells))
    # Few pairs say little, and would say it loudly.
    weight *= pairs / (pairs + 0.02 * pairs.max())
    found = np.zeros((3, *shape))
    for channel in range(3):
        plane = np.where(where, values[:, :, channel], 0).astype(np.float64)
        covariance = _correlated(plane, size)[cut] / np.maximum(pairs, 1) * weight
        folded = np.zeros(shape)
        np.add.at(folded, folds, covariance)
        found[channel] = np.maximum(np.fft.fft2(folded).real, 0)
    return found


def _correlated(plane: NDArray[np.float64], size: list[int]) -> NDArray[np.float64]:
    spectrum = np.fft.rfft2(plane, s=size)
    return np.asarray(np.fft.irfft2(np.abs(spectrum) ** 2, s=size))
