"""The picture that a directory of an EXIF structure points to (Exif 2.32, 4.5.8), in place.

Compressed (JPEGInterchangeFormat, or strips of Compression 6 or 7) and uncompressed (strips of 8-bit grey or RGB).
"""

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np

from tasks.store.metadata.ifd import Directory, Structure
from tasks.store.metadata.jpeg_stream import drawn_for, stream_at
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.span import Span, clear

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR = 256, 257, 258, 259, 262, 277, 284
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_JPEG, _JPEG_BYTES = 513, 514
# PhotometricInterpretation -> samples of a pixel, for what is redrawn.
_KINDS = {0: 1, 1: 1, 2: 3}


def redraw(
    blob: bytearray, tiff: Structure, directory: Directory, preview: Preview, taken: Iterable[Span]
) -> list[tuple[bool, list[Span]]]:
    """Draw `preview` where a picture of `directory` is, or else write zeros there, but for the bytes of `taken`.

    Returns for each picture whether it was drawn, and the spans of `blob` that it had.
    """
    outcomes = []
    for offsets, lengths in ((_JPEG, _JPEG_BYTES), (_STRIPS, _STRIP_BYTES), (_TILES, _TILE_BYTES)):
        spans = _spans(tiff, directory, offsets, lengths)
        if not spans:
            continue
        compression = tiff.integer(directory, _COMPRESSION, 1)
        if len(spans) == 1 and (offsets == _JPEG or (offsets == _STRIPS and compression in (6, 7))):
            span = _jpeg(blob, tiff, directory, preview, spans[0], lengths)
            drawn, spans = bool(span), [span or spans[0]]
        else:
            drawn = offsets == _STRIPS and compression == 1 and _strips(blob, tiff, directory, preview, spans)
        if not drawn:
            clear(blob, spans, taken)
        outcomes.append((drawn, spans))
    return outcomes


def _spans(tiff: Structure, directory: Directory, offsets: int, lengths: int) -> list[Span]:
    starts, sizes = tiff.integers(directory, offsets), tiff.integers(directory, lengths)
    end = len(tiff.blob)
    if starts and not sizes:
        sizes = (end,) * len(starts)
    return [(a, min(a + n, end)) for a, n in zip(starts, sizes, strict=False) if n and 8 <= a < end]


def _jpeg(
    blob: bytearray, tiff: Structure, directory: Directory, preview: Preview, span: Span, lengths: int
) -> Span | None:
    """Its span when the JPEG there was drawn anew, and the length tag tells the new length."""
    stream = stream_at(tiff.blob, span[0])
    if not stream:
        return None
    if not stream.whole:
        # Damaged within: what comes after still belongs to it.
        stream = replace(stream, end=max(stream.end, span[1]))
    drawn = drawn_for(stream, preview)
    if not drawn:
        return None
    blob[stream.start : stream.end] = drawn.ljust(stream.end - stream.start, b"\0")
    at, written = tiff.written(directory, lengths, len(drawn))
    blob[at : at + len(written)] = written
    return stream.start, stream.end


def _strips(blob: bytearray, tiff: Structure, directory: Directory, preview: Preview, spans: list[Span]) -> bool:
    width, height = tiff.integer(directory, _WIDTH), tiff.integer(directory, _HEIGHT)
    kind = tiff.integer(directory, _PHOTOMETRIC, 2)
    samples = tiff.integer(directory, _SAMPLES, _KINDS.get(kind, 1))
    bits = tiff.integers(directory, _BITS)
    planar = samples > 1 and tiff.integer(directory, _PLANAR, 1) != 1
    size = width * height * samples
    if (
        set(bits) != {8}
        or _KINDS.get(kind) != samples
        or planar
        or not 0 < size <= min(len(blob), sum(b - a for a, b in spans))
    ):
        return False
    picture = preview.fitted(width, height)
    if samples == 1:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        picture = 255 - picture if kind == 0 else picture
    values, at = picture.tobytes(), 0
    for start, end in spans:
        part = values[at : at + end - start]
        blob[start : start + len(part)] = part
        at += end - start
    return True
