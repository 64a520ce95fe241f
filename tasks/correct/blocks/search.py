"""The search: for each block of a fill the known blocks that are most like it, over all positions.

Likeness is normalised cross-correlation (J. P. Lewis, "Fast Normalized Cross-Correlation", 1995), in the frequency domain,
so that a search costs n log n in the pixels n that are searched. What it does not see, colour and contrast, enters by the
squared Wasserstein distance of the values of each channel, taken as Gaussians, and the distance in the picture by its
length. A large picture is searched at a coarser scale, and what is found there again around the place, pixel by pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.correct.blocks.grid import Bool, Float, Ints, Scene, sums

CELLS = 1 << 16  # a scene of more is searched at a coarser scale
LEAST_CELLS = 4  # of a block's side there
_NOISE = np.float32((2 / 255) ** 2)  # variance below this is no structure
_BATCH = 16
_NONE = 1e9


@dataclass(frozen=True)
class Likeness:
    """What makes a known block unlike: `histogram` (standard deviation, in [0, 1]) and `distance`, as in the settings."""

    histogram: float
    distance: float


def scale_of(shape: tuple[int, ...], side: int) -> int:
    """By how much a scene is made smaller: a power of two."""
    scale = 1
    while shape[0] * shape[1] > CELLS * scale * scale and side >= LEAST_CELLS * 2 * scale:
        scale *= 2
    return scale


def search(scene: Scene, corners: Ints, side: int, count: int, like: Likeness) -> Ints:
    """Places (N, count, 2) of known blocks for the blocks at `corners` (N, 2); −1, −1 where there are no more."""
    usable = sums(scene.known, side) == side * side
    places = np.full((len(corners), count, 2), -1, dtype=np.int64)
    if not usable.any() or not len(corners):
        return places
    axis = principal(scene.picture[scene.known])
    grey = scene.picture @ axis
    coarse = _Coarse(scene, grey, usable, side, like)
    for begin in range(0, len(corners), _BATCH):
        part = slice(begin, begin + _BATCH)
        places[part] = coarse.best(corners[part], count)
    return places if coarse.scale == 1 else _refined(grey, usable, corners, places, side, coarse.scale)


def principal(colours: Float) -> Float:
    """The direction (3,) along which colours (N, 3) vary most."""
    vectors = np.linalg.eigh(np.cov(colours.astype(np.float64).T) + 1e-9 * np.ones((3, 3)))[1]
    first = vectors[:, -1]
    return np.asarray(first if first.sum() >= 0 else -first, dtype=np.float32)


class _Coarse:
    """A scene made smaller, with all that does not depend on the block that is looked for."""

    def __init__(self, scene: Scene, grey: Float, usable: Bool, side: int, like: Likeness) -> None:
        self.scale = scale_of(grey.shape, side)
        self.cells, self.like = side // self.scale, like
        self.picture = np.dstack([scene.picture, grey])
        height, width = (n // self.scale for n in grey.shape)
        self.small = _smaller(self.picture, (width, height), self.scale)
        self.size = (cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width))
        self.spectrum = np.fft.rfft2(self.small[:, :, 3], s=self.size)
        rows, columns = height - self.cells + 1, width - self.cells + 1
        here = np.zeros((rows, columns), dtype=bool)
        part = usable[:: self.scale, :: self.scale][:rows, :columns]
        here[: part.shape[0], : part.shape[1]] = part
        mean, variance = _moments(self.small, self.cells)
        # 1 − correlation = 1 − product · scale / (deviation of the block). The rest of the cost is a quadratic form of what
        # is known of a place and of a block: one matrix product for all places.
        self.scale_of_product = 1 / (np.sqrt(variance[:, :, 3] + _NOISE) * np.float32(self.cells**2))
        y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
        self.far = np.float32(max(height, width))
        features = self._features(mean[:, :, :3], variance[:, :, :3], np.stack([y, x], axis=-1).astype(np.float32))
        squares = (features**2).sum(axis=2) + np.where(here, np.float32(0), np.float32(_NONE))
        self.places = np.concatenate([features, squares[:, :, None]], axis=2).reshape(-1, features.shape[2] + 1)

    def _features(self, mean: Float, variance: Float, place: Float) -> Float:
        """(…, 3), (…, 3), (…, 2) cells -> (…, 8): squared differences of these are what adds to the cost."""
        width = np.float32(3**0.5 * self.like.histogram)
        away = np.float32(self.like.distance**0.5) / self.far
        return np.concatenate([mean / width, np.sqrt(variance) / width, place * away], axis=-1)

    def best(self, corners: Ints, count: int) -> Ints:
        """corners (B, 2) -> (B, count, 2) at full scale, most like first."""
        reach = self.cells * self.scale
        blocks = np.stack([self.picture[y : y + reach, x : x + reach] for y, x in corners])
        cut = (len(corners), self.cells, self.scale, self.cells, self.scale, 4)
        blocks = blocks.reshape(cut).mean(axis=(2, 4), dtype=np.float32)
        mean, variance = blocks.mean(axis=(1, 2)), blocks.var(axis=(1, 2))
        template = (blocks[..., 3] - mean[:, None, None, 3]) / np.sqrt(variance[:, 3] + _NOISE)[:, None, None]
        spectra = np.conj(np.fft.rfft2(template, s=self.size, axes=(1, 2)))
        rows, columns = self.scale_of_product.shape
        costs = np.fft.irfft2(self.spectrum * spectra, s=self.size, axes=(1, 2))[:, :rows, :columns]
        costs *= -self.scale_of_product
        mine = self._features(mean[:, :3], variance[:, :3], (corners / self.scale).astype(np.float32))
        costs += (np.concatenate([-2 * mine, np.ones_like(mine[:, :1])], axis=1) @ self.places.T).reshape(costs.shape)
        places = np.full((len(corners), count, 2), -1, dtype=np.int64)
        for index, cost in enumerate(costs):
            found = _lowest(cost, count, max(1, self.cells // 2))
            places[index, : len(found)] = found * self.scale
        return places


def _smaller(values: Float, size: tuple[int, int], scale: int) -> Float:
    values = values[: size[1] * scale, : size[0] * scale]
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _moments(values: Float, side: int) -> tuple[Float, Float]:
    """Mean and variance of each block of values (h, w, C): (h − side + 1, w − side + 1, C) each."""
    table, squares = cv2.integral2(values, sdepth=cv2.CV_64F, sqdepth=cv2.CV_64F)
    mean, square = (
        (t[side:, side:] - t[:-side, side:] - t[side:, :-side] + t[:-side, :-side]) / side**2 for t in (table, squares)
    )
    return mean.astype(np.float32), np.maximum(square - mean**2, 0).astype(np.float32)


def _lowest(cost: Float, count: int, cell: int) -> Ints:
    """Up to `count` places (n, 2) of lowest cost, lowest first, one in each cell: neighbours say the same."""
    height, width = (-(-n // cell) for n in cost.shape)
    padded = np.pad(
        cost, ((0, height * cell - cost.shape[0]), (0, width * cell - cost.shape[1])), constant_values=_NONE
    )
    cells = padded.reshape(height, cell, width, cell).swapaxes(1, 2).reshape(height * width, cell * cell)
    within = cells.argmin(axis=1)
    values = cells[np.arange(len(cells)), within]
    order = np.argsort(values, kind="stable")[:count]
    order = order[values[order] < _NONE / 2]
    y, x = np.divmod(order, width)
    return np.stack([y * cell + within[order] // cell, x * cell + within[order] % cell], axis=1).astype(np.int64)


def _refined(grey: Float, usable: Bool, corners: Ints, places: Ints, side: int, scale: int) -> Ints:
    """Each place moved by less than `scale` px to where the correlation at full scale is highest."""
    variance = _moments(grey[:, :, None], side)[1].reshape(usable.shape)
    scores = np.where(usable, 1 / np.sqrt(variance + _NOISE), np.float32(0))
    result = places.copy()
    for number, (y, x) in enumerate(corners):
        template = grey[y : y + side, x : x + side]
        template = template - template.mean()
        for candidate, (cy, cx) in enumerate(places[number]):
            if cy < 0:
                break
            top, left = max(0, cy - scale + 1), max(0, cx - scale + 1)
            bottom, right = min(usable.shape[0], cy + scale), min(usable.shape[1], cx + scale)
            near = grey[top : bottom + side - 1, left : right + side - 1]
            score = cv2.matchTemplate(near, template, cv2.TM_CCORR) * scores[top:bottom, left:right]
            score[~usable[top:bottom, left:right]] = -np.inf
            dy, dx = np.unravel_index(int(score.argmax()), score.shape)
            result[number, candidate] = top + dy, left + dx
    return result


def unlikeness(blocks: Float, others: Float, weights: Float) -> NDArray[np.float32]:
    """1 − normalised cross-correlation of blocks (N, side, side, 3) with others (N, K, side, side, 3): (N, K) in [0, 2].

    weights (N, side, side): how much each pixel of a block counts.
    """
    share = (weights / weights.sum(axis=(1, 2), keepdims=True))[..., None]
    first = blocks - (blocks * share).sum(axis=(1, 2), keepdims=True)
    second = others - (others * share[:, None]).sum(axis=(2, 3), keepdims=True)
    product = np.einsum("nyxc,nkyxc,nyx->nk", first, second, share[..., 0], optimize=True)
    mine = np.einsum("nyxc,nyxc,nyx->n", first, first, share[..., 0], optimize=True)
    theirs = np.einsum("nkyxc,nkyxc,nyx->nk", second, second, share[..., 0], optimize=True)
    return np.asarray(1 - product / np.sqrt((mine[:, None] + 3 * _NOISE) * (theirs + 3 * _NOISE)), dtype=np.float32)


def moved(blocks: Float, others: Float) -> NDArray[np.float32]:
    """Gate: the largest of the channels' histogram distances (Wasserstein-1, in [0, 1]): (N, K).

    blocks (N, side, side, 3), others (N, K, side, side, 3).
    """
    mine = np.sort(blocks.reshape(len(blocks), 1, -1, 3), axis=2)
    theirs = np.sort(others.reshape(*others.shape[:2], -1, 3), axis=2)
    return np.asarray(np.abs(mine - theirs).mean(axis=2).max(axis=2), dtype=np.float32)
