"""The bytes of a strip or tile: compression and predictor (TIFF 6.0, sections 9, 13 and 14; Technical Notes 2 and 3)."""

import itertools
import lzma
import struct
import zlib
from collections.abc import Sequence

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from tasks.errors import ImageTruncated, ImageUnreadable
from tasks.store.formats.tiff_kind import DEFLATE, LZW, NONE, OLD_DEFLATE, PACKBITS, ZSTD
from tasks.store.formats.vips import library

Buffer = bytes | bytearray | memoryview
Samples = NDArray[np.generic]

# Of libdeflate: 6 compresses as zlib's 6 does at five times its speed; 10 gets 2 to 6 % more off, as fast as zlib's 6.
_DEFLATE_LEVELS = (6, 10)
_ZSTD_LEVEL, _LZMA_PRESET = 9, 6
_LZMA_MEMORY = 1 << 28
_HORIZONTAL, _FLOATING = 2, 3
# Of packed bits after what is needed: some writers pad.
_SLACK = 256


def unpack(blobs: Sequence[Buffer], compression: int, row_bytes: int, rows: Sequence[int]) -> list[Buffer]:
    """Decompress chunks: blob i to exactly `rows[i]` · `row_bytes` bytes; all but the last have equally many rows.

    Several at a time are faster where they are small. Raises ImageTruncated (ends early) and ImageUnreadable.
    """
    sizes = [count * row_bytes for count in rows]
    if compression == LZW:
        return _unpack_lzw(blobs, row_bytes, rows)
    found = []
    for blob, size in zip(blobs, sizes, strict=True):
        try:
            raw = _unpack(blob, compression, size)
        except (RuntimeError, ValueError, zlib.error, lzma.LZMAError, EOFError) as error:
            raise ImageUnreadable(f"TIFF: {error}") from None
        if len(raw) < size:
            raise ImageTruncated(f"TIFF: {len(raw)} of {size} bytes of a strip or tile")
        found.append(raw[:size])
    return found


def pack(raw: bytes, compression: int, row_bytes: int, sample_bytes: int, room: int = 0) -> bytes:
    """Compress a chunk of rows of `row_bytes` bytes, harder where it would not fit into `room` bytes.

    `sample_bytes` is what LZMA's filter looks back.
    """
    if compression == NONE:
        return raw
    if compression == LZW:
        return bytes(imagecodecs.lzw_encode(raw))
    if compression in (DEFLATE, OLD_DEFLATE):
        coded = bytes(imagecodecs.deflate_encode(raw, level=_DEFLATE_LEVELS[0]))
        return coded if len(coded) <= room else bytes(imagecodecs.deflate_encode(raw, level=_DEFLATE_LEVELS[1]))
    if compression == PACKBITS:  # each row by itself, as section 9 wants it
        return bytes(imagecodecs.packbits_encode(np.frombuffer(raw, np.uint8).reshape(-1, row_bytes), axis=-1))
    if compression == ZSTD:
        return bytes(imagecodecs.zstd_encode(raw, level=_ZSTD_LEVEL))
    # As libtiff does: no checksum, and a difference of samples before the compression.
    filters = [{"id": lzma.FILTER_DELTA, "dist": sample_bytes}, {"id": lzma.FILTER_LZMA2, "preset": _LZMA_PRESET}]
    return lzma.compress(raw, lzma.FORMAT_XZ, lzma.CHECK_NONE, filters=filters)


def unpredict(raw: Buffer, shape: tuple[int, int, int], dtype: np.dtype[np.generic], predictor: int) -> Samples:
    """Samples (rows, columns, samples) of a decompressed chunk; `dtype` with the file's byte order.

    Without a predictor they are `raw` itself, read-only and in that order; else new, in this machine's order.
    """
    rows, columns, depth = shape
    if predictor == _FLOATING:
        width = dtype.itemsize
        planes = np.cumsum(np.frombuffer(raw, np.uint8).reshape(rows, -1, depth), axis=1, dtype=np.uint8)
        big = planes.reshape(rows, width, columns * depth).transpose(0, 2, 1)
        return np.ascontiguousarray(big).view(f">f{width}").reshape(shape).astype(dtype.newbyteorder("="))
    if predictor == _HORIZONTAL:
        words = np.frombuffer(raw, _words(dtype)).reshape(shape)
        sums = np.cumsum(words, axis=1, dtype=words.dtype.newbyteorder("="))
        return sums.view(dtype.newbyteorder("="))
    return np.frombuffer(raw, dtype).reshape(shape)


def predict(samples: Samples, dtype: np.dtype[np.generic], predictor: int) -> bytes:
    """The inverse of `unpredict`: (rows, columns, samples) in this machine's order to bytes of `dtype`."""
    if predictor == _FLOATING:
        rows, columns, depth = samples.shape
        width = dtype.itemsize
        big = np.ascontiguousarray(samples.astype(f">f{width}")).view(np.uint8).reshape(rows, columns * depth, width)
        planes = np.ascontiguousarray(big.transpose(0, 2, 1)).reshape(rows, width * columns, depth)
        return _differences(planes).tobytes()
    if predictor == _HORIZONTAL:
        words = _words(dtype)
        return _differences(samples.view(words.newbyteorder("="))).astype(words).tobytes()
    return samples.astype(dtype).tobytes()


def _differences(values: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Along the rows, modulo 2ⁿ."""
    found = values.copy()
    found[:, 1:] -= values[:, :-1]
    return found


def _words(dtype: np.dtype[np.generic]) -> np.dtype[np.unsignedinteger]:
    """Floats are differenced as the integers that their bits are, as libtiff does."""
    return np.dtype(f"u{dtype.itemsize}").newbyteorder(dtype.byteorder)


def _unpack(blob: Buffer, compression: int, size: int) -> Buffer:
    if compression == NONE:
        return blob
    if compression in (DEFLATE, OLD_DEFLATE):
        try:
            return bytes(imagecodecs.deflate_decode(bytes(blob), out=size))
        except RuntimeError:
            # A stream that ends early, or holds more than it should, which libdeflate does not tell from a damaged one.
            return zlib.decompressobj().decompress(blob, size)
    if compression == PACKBITS:
        return bytes(imagecodecs.packbits_decode(bytes(blob), out=size + _SLACK))
    if compression == ZSTD:
        return bytes(imagecodecs.zstd_decode(bytes(blob), out=size))
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY).decompress(blob, size)


def _unpack_lzw(blobs: Sequence[Buffer], row_bytes: int, rows: Sequence[int]) -> list[Buffer]:
    """By libtiff, in a file of grey bytes made of the chunks as strips: imagecodecs' decoder crashes on damaged codes."""
    pyvips = library()
    sizes = [len(blob) for blob in blobs]
    offsets = [_LZW_HEADER + 8 * len(blobs) + sum(sizes[:number]) for number in range(len(blobs))]
    tables = _LZW_HEADER, _LZW_HEADER + 4 * len(blobs)
    if len(blobs) == 1:
        tables = offsets[0], sizes[0]
    values = (row_bytes, sum(rows), 8, LZW, 1, tables[0], 1, rows[0], tables[1])
    counts = (1, 1, 1, 1, 1, len(blobs), 1, 1, len(blobs))
    entries = [(tag, 4, count, value) for tag, count, value in zip(_LZW_TAGS, counts, values, strict=True)]
    try:
        head = struct.pack("<4sIH", b"II*\0", 8, len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
        head += bytes(4) + struct.pack(f"<{2 * len(blobs)}I", *offsets, *sizes)
        image = pyvips.Image.tiffload_buffer(
            b"".join((head, *blobs)), access="sequential", fail_on="error", unlimited=True
        )
        raw = memoryview(image.write_to_memory())
    except struct.error:
        raise ImageUnreadable("TIFF: a strip or tile of more than 4 GB") from None
    except pyvips.Error as error:
        said = " ".join(str(error).split())
        early = "Not enough" in said or "not terminated" in said
        raise (ImageTruncated if early else ImageUnreadable)(f"TIFF: {said}") from None
    starts = np.cumsum([0, *(count * row_bytes for count in rows)])
    return [raw[a:b] for a, b in itertools.pairwise(starts)]


_LZW_TAGS = (256, 257, 258, 259, 262, 273, 277, 278, 279)
_LZW_HEADER = 8 + 2 + 12 * len(_LZW_TAGS) + 4
