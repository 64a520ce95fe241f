"""New coefficients for the blocks that a mask touches; all others stay bit for bit."""

from collections.abc import Iterator

import cv2
import numpy as np

from tasks.store.formats.jpeg_colour import Samples
from tasks.store.formats.jpeg_frame import Frame

_AT_ONCE = 1 << 19  # pixels


def _dct() -> np.ndarray:
    """(64, 64): the orthonormal DCT-II of an 8 × 8 block (T.81, A.3.3), blocks written as rows of 64."""
    k, n = np.mgrid[0:8, 0:8]
    basis = np.cos((2 * n + 1) * k * np.pi / 16) / 2
    basis[0] /= np.sqrt(2)
    return np.kron(basis, basis).T.astype(np.float32)


_DCT = _dct()
_INVERSE = np.ascontiguousarray(_DCT.T)
# 8-bit samples give no more (T.81, F.1.2.1 and F.1.2.2), and Huffman codes need not carry more.
_LOWEST = np.array([-1024] + 63 * [-1023], np.float32)


def splice(
    planes: list[np.ndarray],
    frame: Frame,
    tables: list[np.ndarray],
    colours: list[Samples],
    pixels: np.ndarray,
    mask: np.ndarray,
) -> None:
    """Change in place the blocks of `planes` (rows, columns, 64) int16 that hold a pixel of `mask` (H, W) bool.

    `pixels` (H, W, C) uint8. A sample of a touched block is the original's own, unclipped and unrounded, but for the
    part of its pixels that the mask covers, so that known pixels are not coded twice where that can be helped: a block
    in which nothing changed gets its own coefficients again. Beyond the picture's edges pixels and mask go on as they
    are at the edge. `tables` (64,) per component.
    """
    for index, (plane, table, colour) in enumerate(zip(planes, tables, colours, strict=True)):
        size = frame.pixels(index)
        rows, columns = np.nonzero(touched(mask, size))
        for part in _parts(len(rows), 64 * size[0] * size[1]):
            places = rows[part], columns[part]
            share, fresh = _samples(colour, tiles(pixels, *places, size), tiles(mask, *places, size), size)
            known = _product(plane[places] * table, _INVERSE) + np.float32(128)
            changed = (1 - share) * known + fresh - np.float32(128)
            plane[places] = np.clip(np.rint(_product(changed, _DCT) / table), _LOWEST, 1023)


def touched(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(rows, columns) bool: which blocks of samples, each `size` pixels (height, width), hold a pixel of `mask`."""
    for step in (8 * size[0], 8 * size[1]):
        found = np.zeros((-(-mask.shape[0] // step), mask.shape[1]), bool)
        for offset in range(min(step, len(mask))):
            part = mask[offset::step]
            found[: len(part)] |= part
        # Rows first, then columns as the rows of what is left; turned twice it is as it was.
        mask = np.ascontiguousarray(found.T)
    return mask


def tiles(array: np.ndarray, rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(n, 8 · height, 8 · width, …): what of `array` (H, W, …) each block covers, the edge repeated beyond the picture."""
    steps = 8 * size[0], 8 * size[1]
    whole = array.shape[0] // steps[0], array.shape[1] // steps[1]
    inside = (rows < whole[0]) & (columns < whole[1])
    cut = np.empty((len(rows), *steps, *array.shape[2:]), array.dtype)
    view = array[: whole[0] * steps[0], : whole[1] * steps[1]]
    view = view.reshape(whole[0], steps[0], whole[1], steps[1], *array.shape[2:])
    cut[inside] = view[rows[inside], :, columns[inside]]
    edge = ~inside
    y, x = (
        np.minimum(at[edge][:, None] * step + np.arange(step), side - 1)
        for at, step, side in zip((rows, columns), steps, array.shape, strict=False)
    )
    cut[edge] = array[y[:, :, None], x[:, None, :]]
    return cut


def _product(blocks: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(n, 64) × (64, 64), in pieces for which BLAS starts no threads: the last bit must not depend on how many there are."""
    pieces = np.zeros((-(-len(blocks) // 32), 32, 64), np.float32)
    pieces.reshape(-1, 64)[: len(blocks)] = blocks
    product: np.ndarray = (pieces @ matrix).reshape(-1, 64)[: len(blocks)]
    return product


def _parts(count: int, each: int) -> Iterator[slice]:
    step = max(1, _AT_ONCE // each)
    return (slice(at, at + step) for at in range(0, count, step))


def _samples(
    colour: Samples, pixels: np.ndarray, mask: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Of each sample (n, 64) float32 the share of its pixels that is masked, and those pixels' part of its value."""
    flat = pixels.reshape(-1, 1, pixels.shape[3]).astype(np.float32)
    values = cv2.transform(flat, np.append(colour.weights, colour.offset)[None]).reshape(mask.shape)
    values *= mask
    cells = [
        (slice(None), slice(y, None, size[0]), slice(x, None, size[1])) for y in range(size[0]) for x in range(size[1])
    ]
    share = sum((mask[c] for c in cells[1:]), mask[cells[0]].astype(np.float32))
    fresh = sum((values[c] for c in cells[1:]), values[cells[0]])
    return share.reshape(-1, 64) / np.float32(len(cells)), fresh.reshape(-1, 64) / np.float32(len(cells))
