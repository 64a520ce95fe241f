"""The noise of a picture: how strong it is at each level of each channel, how its channels and its neighbours correlate.

It is measured on what a smooth picture leaves when its local mean is taken off, where nothing else happens. The strength
is that of sensors and film, a variance linear in the level (A. Foi et al., "Practical Poissonian-Gaussian Noise Modeling
and Fitting for Single-Image Raw-Data", IEEE TIP 17, 2008); divided by it, noise is a stationary Gaussian field, which its
autocovariance says all of (B. Galerne, Y. Gousseau and J.-M. Morel, "Random Phase Textures", IEEE TIP 20, 2011).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.correct.smoothing import planar

Float = NDArray[np.float32]
Double = NDArray[np.float64]
Bool = NDArray[np.bool_]

LAG_PX = 7  # noise farther apart is not correlated
SIDE = 32  # of the torus on which spectra are taken: above twice the lags
_LOCAL_PX, _COARSE_PX = 3.0, 8.0  # standard deviations: of the local mean; of what its change is seen against
_NEAR_PX = 4.0  # over which liveliness is averaged
_PARTS = 6  # levels that are told apart
_QUIETEST, _ABOVE, _ROUNDS = 0.05, 1.8, 6
_APART = 2.0  # as much more than the least may the variance be at another level
_LEAST, _SHARE = 400, 0.1  # smooth pixels, and of all; fewer say too little
_ENDS = 3 / 255  # nearer to black or white, noise is cut off
_CHANGE = 0.8  # where half of it changes more at a coarse scale, in deviations of the noise, it is picture
_DIMMED = 0.3  # what is dimmed more is rather picture
_TAILS = 1.35  # standard deviation over what the median says: 1 for noise, above for lines and specks
_BINS = 16
_TINY = 1e-12


@dataclass(frozen=True)
class Residual:
    """What remains of a picture without its local mean. values, level (h, w, 3); change (h, w): how much that mean varies
    around, in units of value; where (h, w) bool: where they are known.
    """

    values: Float
    level: Float
    change: Float
    where: Bool

    @classmethod
    def of(cls, picture: Float, where: Bool) -> Self:
        """picture (h, w, 3) float32, `where` (h, w) bool: the pixels that count."""
        level, coarse = (planar(picture, where, sigma) for sigma in (_LOCAL_PX, _COARSE_PX))
        square = ((level - coarse) ** 2).mean(axis=2, keepdims=True)
        change = np.sqrt(np.maximum(planar(square, where, _NEAR_PX)[:, :, 0], 0))
        return cls(picture - level, level, change, where)


@dataclass(frozen=True)
class Noise:
    """Noise, measured.

    levels, variances (3, B): by channel, at increasing levels, constant beyond them. axes (3, 3): its columns are the
    directions of the channels, each in units of its deviation, along which noise is uncorrelated; covariances
    (3, 2 · LAG_PX + 1, 2 · LAG_PX + 1): along each of them, by the distance of two pixels. change: up to how much change of
    the local mean a pixel counted as smooth.
    """

    levels: Double
    variances: Double
    axes: Double
    covariances: Double
    change: float

    def deviations(self, level: Float) -> Float:
        """Standard deviations (…, 3) of the noise on levels (…, 3)."""
        found = [np.interp(level[..., c], self.levels[c], np.sqrt(self.variances[c])) for c in range(3)]
        return np.stack(found, axis=-1).astype(np.float32)

    def along_axes(self, residual: Residual) -> Float:
        """A residual in units of this noise, along its axes: (h, w, 3)."""
        units = residual.values / np.maximum(self.deviations(residual.level), np.float32(1e-6))
        return np.asarray(units @ self.axes.astype(np.float32), dtype=np.float32)

    @cached_property
    def spectra(self) -> Double:
        """Power along the axes, (3, SIDE, SIDE), mean = variance."""
        return spectra(self.covariances)


def measured(residual: Residual) -> Noise | None:
    """The noise of a picture, where it shows nothing else; None where no noise is to be told from texture."""
    smooth = _smooth(residual)
    if np.count_nonzero(smooth) < max(_LEAST, _SHARE * np.count_nonzero(residual.where)):
        return None
    values, level = residual.values[smooth], residual.level[smooth]
    strength = float(np.sqrt((values.astype(np.float64) ** 2).mean()))
    typical = 1.4826 * float(np.sqrt((np.median(np.abs(values), axis=0) ** 2).mean()))
    change = float(np.median(residual.change[smooth]))
    if change > max(_CHANGE * strength, 0.5 / 255) or strength > _TAILS * max(typical, 0.3 / 255):
        return None
    levels, variances = _by_level(values, level)
    plain = Noise(levels, variances, np.eye(3), np.zeros((3, 1, 1)), change)
    units = plain.along_axes(residual)
    axes = np.linalg.eigh(np.cov(units[smooth].astype(np.float64).T) + 1e-9 * np.eye(3))[1]
    axes *= np.where(axes.sum(axis=0) < 0, -1, 1)
    return Noise(levels, variances, axes, covariances(units @ axes.astype(np.float32), smooth), change)


def _smooth(residual: Residual) -> Bool:
    """Pixels (h, w) where a picture is no livelier than where it is least lively, level by level.

    Noise is the least that there is everywhere: from the quietest pixels on, all count that are not much above the mean of
    those that count. Levels whose quietest parts are far above those of others show texture.
    """
    lively = planar((residual.values**2).mean(axis=2, keepdims=True), residual.where, _NEAR_PX)[:, :, 0]
    places = np.flatnonzero(residual.where & ((residual.level > _ENDS) & (residual.level < 1 - _ENDS)).all(axis=2))
    smooth = np.zeros(residual.where.size, dtype=bool)
    if len(places) >= _LEAST:
        order = places[np.argsort(residual.level.mean(axis=2).ravel()[places], kind="stable")]
        parts = np.array_split(order, int(np.clip(len(order) // _LEAST, 1, _PARTS)))
        floors = [_floor(lively.ravel()[part]) for part in parts]
        for part, floor in zip(parts, floors, strict=True):
            smooth[part] = lively.ravel()[part] <= _ABOVE * min(floor, _APART * min(floors))
    return smooth.reshape(residual.where.shape)


def _floor(lively: Float) -> float:
    """The mean of the quietest of these, without what is not of their kind."""
    lively = np.maximum(lively, 0)
    found = float(np.quantile(lively, _QUIETEST))
    for _ in range(_ROUNDS):
        found = float(lively[lively <= _ABOVE * found].mean(dtype=np.float64)) + _TINY
    return found


def covariances(values: Float, where: Bool) -> Double:
    """Autocovariances of values (h, w, C), mean 0, by distance: (C, 2 · LAG_PX + 1, …), zero distance in the middle.

    Only pairs of pixels that both lie `where` count; distances with few of them are 0, far ones are tapered.
    """
    height, width = where.shape
    size = cv2.getOptimalDFTSize(height + LAG_PX), cv2.getOptimalDFTSize(width + LAG_PX)
    near = np.arange(-LAG_PX, LAG_PX + 1)
    cut = np.ix_(near % size[0], near % size[1])
    pairs = _correlated(where.astype(np.float64), size)[cut]
    found = np.stack(
        [_correlated(np.where(where, plane, 0).astype(np.float64), size)[cut] for plane in np.moveaxis(values, 2, 0)]
    )
    enough = pairs > 0.1 * max(float(pairs[LAG_PX, LAG_PX]), 1)
    window = np.cos(np.pi / 2 * near / (LAG_PX + 1)) ** 2
    return np.asarray(np.where(enough, found / np.maximum(pairs, 1), 0) * np.outer(window, window))


def spectra(covariance: Double) -> Double:
    """Power spectra of autocovariances (C, n, n), n odd: (C, SIDE, SIDE), mean = variance; none is negative."""
    lag = covariance.shape[1] // 2
    full = np.zeros((len(covariance), SIDE, SIDE))
    near = np.arange(-lag, lag + 1)
    full[:, near[:, None], near[None, :]] = covariance
    power = np.maximum(np.fft.fft2(full).real, 0)
    mean = power.mean(axis=(1, 2), keepdims=True)
    variance = np.maximum(covariance[:, lag, lag], 0)[:, None, None]
    return np.asarray(power * np.minimum(variance / np.maximum(mean, _TINY), 1))


def undimmed(power: Double) -> Double:
    """Spectra (C, SIDE, SIDE) of residuals as they were before local means were taken off, as far as that can be told."""
    ways = 2 * np.pi * np.fft.fftfreq(SIDE)
    mean = np.exp(-(ways[:, None] ** 2 + ways**2) * _LOCAL_PX**2 / 2)
    return np.asarray(power / np.maximum((1 - mean) ** 2, _DIMMED))


def drawn(power: Double, shape: tuple[int, int], rng: np.random.Generator) -> Float:
    """A Gaussian field (h, w, C) with these spectra (C, SIDE, SIDE)."""
    planes = []
    for plane in power:
        kernel = np.fft.fftshift(np.fft.ifft2(np.sqrt(plane)).real).astype(np.float32)
        white = rng.standard_normal((shape[0] + SIDE, shape[1] + SIDE), dtype=np.float32)
        planes.append(cv2.filter2D(white, -1, kernel)[SIDE // 2 :, SIDE // 2 :][: shape[0], : shape[1]])
    return np.stack(planes, axis=2).astype(np.float32)


def _correlated(plane: Double, size: tuple[int, int]) -> Double:
    spectrum = np.fft.rfft2(plane, s=size)
    return np.asarray(np.fft.irfft2(np.abs(spectrum) ** 2, s=size))


def _by_level(values: Float, level: Float) -> tuple[Double, Double]:
    """A line through the variances at levels, channel by channel, at the ends of where the levels lie: (3, 2) each."""
    levels, variances = np.empty((3, 2)), np.empty((3, 2))
    for channel in range(3):
        order = np.argsort(level[:, channel], kind="stable")
        parts = [part for part in np.array_split(order, _BINS) if len(part)]
        at = np.array([level[part, channel].mean(dtype=np.float64) for part in parts])
        seen = np.array([(values[part, channel].astype(np.float64) ** 2).mean() for part in parts])
        mean, spread = at.mean(), ((at - at.mean()) ** 2).mean()
        # A slope is believed as far as the levels differ: over less than about 0.03 they say nothing of it.
        slope = ((at - mean) * (seen - seen.mean())).mean() / (spread + 1e-3)
        ends = np.array([at[0], max(at[-1], at[0] + 1e-6)])
        levels[channel] = ends
        variances[channel] = np.clip(seen.mean() + slope * (ends - mean), seen.min(), seen.max())
    return levels, variances
