"""A smaller copy of a picture after a part of the picture changed: which samples saw that part, and what they see now."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.generic]
Mask = NDArray[np.bool_]

_BLOCK = 1024  # pixels of the picture, along a side, that are averaged at a time
_SEEN = 2 / 255  # share of the range by which a sample must differ from what an average gives


def scale(source: int, copy: int) -> float:
    """Pixels of the picture for one sample of the copy, along one side.

    A whole number where that gives the copy's size by rounding up or down, as in pyramids; its last sample then sees
    less than a whole one, or the picture's last pixels are seen by none.
    """
    whole = max(1, round(source / copy))
    return whole if copy in (source // whole, -(-source // whole)) else source / copy


def projected(mask: Mask, size: tuple[int, int]) -> Mask:
    """The samples of a copy of `size` (height, width) whose area holds a pixel of `mask` (H, W)."""
    for axis in (0, 1):
        pixels, step = mask.shape[axis], scale(mask.shape[axis], size[axis])
        bounds = np.arange(size[axis] + 1) * step
        starts = np.minimum(bounds[:-1].astype(int), pixels - 1)
        ends = np.clip(np.ceil(bounds[1:]).astype(int), starts + 1, pixels)
        # Areas that do not end between two pixels have one in common: what reduceat leaves to the next.
        found = np.logical_or.reduceat(mask[: ends[-1]] if axis == 0 else mask[:, : ends[-1]], starts, axis=axis)
        mask = found | np.take(mask, ends - 1, axis=axis)
    return mask


def renewed(copy: Samples, source: Samples, touched: Mask) -> tuple[Samples, Mask]:
    """`copy` (h, w, C) with new samples where `touched`: means of the area of `source` (H, W, C), of the same range.

    A sample beside them is new too where it differs from its mean by more than rounding: then the copy was made with a
    wider filter, and it saw something of what was there. Returns also which samples are new.
    """
    result, new = copy.copy(), touched.copy()
    beside = cv2.dilate(touched.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    for rows, columns in _blocks(beside, source.shape):
        box = slice(rows.start, rows.stop), slice(columns.start, columns.stop)
        means = _rounded(_means(source, rows, columns, copy.shape), copy.dtype)
        before = copy[box]
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.abs(means.astype(np.float64) - before.astype(np.float64))
        wider = beside[box] & (off > _SEEN * _range(before)).any(axis=2)
        new[box] |= wider
        result[box][new[box]] = means[new[box]]
    return result, new


def _blocks(wanted: Mask, shape: tuple[int, ...]) -> Iterator[tuple[range, range]]:
    """Parts of the copy with a wanted sample, small enough that their area in the picture is."""
    height, width = wanted.shape
    down, across = (max(1, int(_BLOCK / scale(shape[axis], wanted.shape[axis]))) for axis in (0, 1))
    for y in range(0, height, down):
        for x in range(0, width, across):
            rows, columns = range(y, min(y + down, height)), range(x, min(x + across, width))
            if wanted[rows.start : rows.stop, columns.start : columns.stop].any():
                yield rows, columns


def _means(source: Samples, rows: range, columns: range, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Mean of each sample's area, (rows, columns, C); of what is finite, and NaN where nothing is."""
    down, y = _weights(rows, source.shape[0], shape[0])
    across, x = _weights(columns, source.shape[1], shape[1])
    part = source[y, x].astype(np.float64)

    def weighted(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([down @ values[:, :, c] @ across.T for c in range(values.shape[2])], axis=2)

    finite = np.isfinite(part)
    if finite.all():
        return weighted(part)
    share = weighted(finite.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        return weighted(np.where(finite, part, 0)) / np.where(share > 1e-9, share, np.nan)


def _weights(samples: range, pixels: int, count: int) -> tuple[NDArray[np.float64], slice]:
    """How much of each pixel of the slice belongs to each sample: (samples, pixels), rows sum to 1."""
    step = scale(pixels, count)
    start = np.minimum(np.array(samples) * step, pixels - 1)
    stop = np.minimum(np.maximum(start + 1e-6, (np.array(samples) + 1) * step), pixels)
    low, high = int(start[0]), int(np.ceil(stop[-1]))
    places = np.arange(low, high)
    shared = np.minimum(stop[:, None], places + 1) - np.maximum(start[:, None], places)
    shared = np.clip(shared, 0, None)
    return shared / shared.sum(axis=1, keepdims=True), slice(low, high)


def _rounded(values: NDArray[np.float64], dtype: np.dtype[np.generic]) -> Samples:
    if dtype.kind == "f":
        return values.astype(dtype)
    return np.clip(np.floor(values + 0.5), 0, np.iinfo(str(dtype)).max).astype(dtype)


def _range(values: Samples) -> float:
    if values.dtype.kind != "f":
        return float(np.iinfo(str(values.dtype)).max)
    finite = values[np.isfinite(values)]
    return float(np.ptp(finite)) if finite.size else 0.0
