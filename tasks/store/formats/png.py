"""PNG files: the header, and an encoder that replaces the pixels and keeps everything else (ISO/IEC 15948, 3rd edition).

libvips decodes; palettes come as their colours, 1, 2 and 4 bits as 0–255, tRNS as alpha.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from tasks.errors import ImageUnreadable
from tasks.store.formats.encoded import Encoded
from tasks.store.formats.header import EndsEarly, Header, Model, Probe
from tasks.store.formats.palette import repaint
from tasks.store.formats.png_chunks import SIGNATURE, chunks
from tasks.store.formats.png_metadata import icc, orientation, renewed
from tasks.store.formats.png_palette import Painted, painted
from tasks.store.formats.png_samples import packed
from tasks.store.formats.png_transparency import key_of, keyed, transparency
from tasks.store.formats.vips import image_of
from tasks.store.metadata.preview import Preview
from tasks.store.settings import OutputSettings

__all__ = ["complete", "encode", "icc", "probe"]

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6
_MODELS: dict[int, Model] = {_GREY: "grey", _RGB: "rgb", _PALETTE: "rgb", _GREY_ALPHA: "grey", _RGB_ALPHA: "rgb"}
_DEPTHS = {_GREY: (1, 2, 4, 8, 16), _PALETTE: (1, 2, 4, 8)}
_END = b"\0\0\0\0IEND\xaeB`\x82"

# (filter, zlib level), tried in turn while the file is more than 1.05 × the original's. Photographs are done with the
# first: what five filters or a higher level win is at most 2 %. Flat graphics want the second, optimised files the third.
_STRATEGIES = (("paeth", 6), ("none", 9), ("all", 9))
_LARGER = 1.05


def probe(data: bytes) -> Probe:
    """Header of a PNG file. Raises EndsEarly and ImageUnreadable."""
    if len(data) < 33:
        raise EndsEarly
    if data[12:16] != b"IHDR":
        raise ImageUnreadable("PNG: the first chunk is not IHDR")
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if depth not in _DEPTHS.get(colour, (8, 16) if colour in _MODELS else ()):
        raise ImageUnreadable(f"PNG: colour type {colour} of {depth} bits")
    alpha = colour in (_GREY_ALPHA, _RGB_ALPHA) or transparency(data) is not None
    animated = any(kind == b"acTL" for kind, _, _ in chunks(data))
    header = Header("png", width, height, depth, _MODELS[colour], alpha, orientation(data))
    return Probe(header, "animated PNG" if animated else None, 2 if animated else 1)


def complete(data: bytes) -> bool:
    """Does the file reach its IEND chunk?"""
    return any(kind == b"IEND" for kind, _, _ in chunks(data))


def encode(
    pixels: np.ndarray, original: bytes, mask: NDArray[np.bool_], preview: Preview, settings: OutputSettings
) -> Encoded:
    """Encode (H, W, C) uint8 or uint16 with the header of `original`: colour type, depth, interlacing.

    Outside the mask samples and indices are the original's, bit for bit; inside, what fits the depth or the palette is
    exact, and the rest is dithered. Other chunks stay in their places, byte for byte but for what `png_metadata.renewed`
    and `png_palette.painted` say; whatever comes after IEND goes, because an old picture may be in it (CVE-2023-21036).
    Raises ImageUnreadable.
    """
    done = _painted(pixels, original, mask)
    image_data = packed(done.samples, original[24], original[28] == 1) if done else _coded(pixels, original, mask)
    replaced, notes = (done.chunks, [*done.notes]) if done else ({}, [])
    parts, placed, end = [SIGNATURE], False, 0
    for kind, start, end in chunks(original):
        if kind != b"IDAT":
            kept = renewed(original, kind, start, end, preview)
            parts.append(replaced.pop(kind, kept.data))
            notes += kept.notes
        elif not placed:
            parts.append(image_data)
            placed = True
    if not complete(original):
        parts.append(_END)
    elif end < len(original):
        notes.append(f"{len(original) - end} bytes after the end of the PNG dropped")
    return Encoded(b"".join(parts), tuple(dict.fromkeys(notes)))


def _painted(pixels: np.ndarray, original: bytes, mask: NDArray[np.bool_]) -> Painted | None:
    """Samples of a palette or of less than 8 bits; None for other kinds."""
    header = probe(original).header
    if original[25] == _PALETTE:
        return painted(pixels, original, mask, header.alpha)
    if header.bit_depth >= 8:
        return None
    # Levels of grey are a palette with no room.
    step = 255 // ((1 << header.bit_depth) - 1)
    levels = np.arange(0, 256, step, dtype=np.uint8)
    table = levels[:, None]
    if header.alpha:
        table = np.column_stack([levels, np.where(levels == int(key_of(original)[0]) * step, 0, 255).astype(np.uint8)])
    samples = (pixels[:, :, 0] + np.uint16(step // 2)) // step
    entries = range(len(table))
    return Painted(
        repaint(samples.astype(np.uint8), pixels, mask, table, header.alpha, len(table), entries).indices, {}
    )


def _coded(pixels: np.ndarray, original: bytes, mask: NDArray[np.bool_]) -> bytes:
    """IDAT chunks of 8 or 16 bits."""
    if probe(original).header.alpha and original[25] in (_GREY, _RGB):
        pixels = keyed(pixels, mask, key_of(original))
    image = image_of(pixels)
    enough = _LARGER * sum(end - start for kind, start, end in chunks(original) if kind == b"IDAT")
    best = b""
    for kind, level in _STRATEGIES:
        coded = image.pngsave_buffer(compression=level, filter=kind, interlace=original[28] == 1, keep="none")
        if coded[:33] != original[:33]:
            raise ImageUnreadable("PNG: the pixels do not fit the header")
        found = b"".join(coded[start:end] for kind, start, end in chunks(coded) if kind == b"IDAT")
        if not best or len(found) < len(best):
            best = found
        if len(best) <= enough:
            break
    return best
