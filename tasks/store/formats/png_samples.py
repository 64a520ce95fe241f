"""Samples of at most 8 bits in PNG's scanlines, and palette indices out of them (PNG specification, §7.2, §8)."""

import io
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngImageFile

from tasks.errors import ImageUnreadable
from tasks.store.formats.png_chunks import SIGNATURE, chunk, chunks

# Adam7: first row, first column, rows apart, columns apart.
_PASSES = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
_CHUNK = 1 << 20


def packed(samples: NDArray[np.uint8], depth: int, interlaced: bool) -> bytes:
    """IDAT chunks of (H, W) uint8 samples below 2^depth, depth 1, 2, 4 or 8: one channel, without filters.

    No filter is what the specification recommends for palettes and for less than 8 bits (§12.7).
    """
    coder = zlib.compressobj(9)
    parts = []
    for row, column, down, right in _PASSES if interlaced else ((0, 0, 1, 1),):
        part = samples[row::down, column::right]
        if part.size:
            parts.append(coder.compress(_lines(part, depth).tobytes()))
    coded = b"".join([*parts, coder.flush()])
    return b"".join(chunk(b"IDAT", coded[at : at + _CHUNK]) for at in range(0, len(coded), _CHUNK))


def _lines(samples: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """(h, 1 + bytes of a line): a filter type of 0, then the samples, the leftmost in the highest bits."""
    if depth < 8:
        fields = 8 // depth
        wide = np.pad(samples, ((0, 0), (0, -samples.shape[1] % fields)))
        samples = np.zeros((wide.shape[0], wide.shape[1] // fields), np.uint8)
        for field in range(fields):
            samples |= wide[:, field::fields] << (8 - depth * (field + 1))
    return np.pad(samples, ((0, 0), (1, 0)))


def indices(data: bytes) -> NDArray[np.uint8]:
    """The palette indices (H, W) uint8 of a PNG of colour type 3, as stored. Raises ImageUnreadable."""
    # Pillow is shown nothing but the picture: it would refuse large texts, and says what it thinks of large pictures
    # when it opens one, not when it reads one (`limits.max_mp` has been checked).
    needed = [data[start:end] for kind, start, end in chunks(data) if kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND")]
    try:
        picture = PngImageFile(io.BytesIO(SIGNATURE + b"".join(needed)))
        found = np.asarray(picture)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageUnreadable(f"PNG: {error}") from None
    if picture.mode != "P":
        raise ImageUnreadable("PNG: no palette indices")
    return found
