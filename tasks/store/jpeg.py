"""JPEG files: segments, the header, and an encoder that keeps subsampling, quality and every metadata segment."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from tasks.errors import ImageUnreadable
from tasks.store.header import EndsEarly, Probe

_SOF_KINDS = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive"}
_SOF = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOS, _DQT, _DRI, _APP0, _APP2, _APP14, _APP15, _COM = 0xDA, 0xDB, 0xDD, 0xE0, 0xE2, 0xEE, 0xEF, 0xFE

# ITU-T T.81 (JPEG), tables K.1 and K.2, in zigzag order: what "quality" scales in libjpeg.
_LUMA = (
    "16 11 12 14 12 10 16 14 13 14 18 17 16 19 24 40 26 24 22 22 24 49 35 37 29 40 58 51 61 60 57 51 "
    "56 55 64 72 92 78 64 68 87 69 55 56 80 109 81 87 95 98 103 104 103 62 77 113 121 112 100 120 92 101 103 99"
)
_CHROMA = (
    "17 18 18 24 21 24 47 26 26 47 99 66 56 66 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 " + "99 " * 32
)
# Luma samples per chroma sample (horizontal, vertical) -> OpenCV's sampling factor.
_SAMPLING = {(1, 1): 0x111111, (2, 1): 0x211111, (2, 2): 0x221111, (1, 2): 0x121111, (4, 1): 0x411111}


@dataclass(frozen=True)
class Frame:
    """What the frame header (SOFn) says; `sampling` is (horizontal, vertical) per component, `tables` their DQT."""

    marker: int
    precision: int
    height: int
    width: int
    sampling: tuple[tuple[int, int], ...]
    tables: tuple[int, ...]


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, first byte, end) of each segment up to the first scan header (SOS, included); payload from first + 4.

    Raises EndsEarly and ImageUnreadable.
    """
    at = 2
    while True:
        # Any number of 0xff may fill the space before a marker.
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if len(data) < at + 4:
            raise EndsEarly
        if data[at] != 0xFF:
            raise ImageUnreadable(f"JPEG: no marker at byte {at}")
        marker = data[at + 1]
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2:
            raise ImageUnreadable(f"JPEG: a segment of length {length} at byte {at}")
        end = at + 2 + length
        if end > len(data):
            raise EndsEarly
        yield marker, at, end
        if marker == _SOS:
            return
        at = end


def probe(data: bytes) -> Probe:
    """Header of a JPEG file. Raises EndsEarly and ImageUnreadable."""
    found = frame(data)
    reason = None
    if found.marker not in _SOF_KINDS:
        reason = "lossless, hierarchical or arithmetic-coded JPEG"
    elif found.precision != 8:
        reason = f"JPEG of {found.precision} bits"
    elif found.height == 0:
        reason = "JPEG whose height comes after its first scan (DNL)"
    elif len(found.sampling) == 4:
        reason = "CMYK or YCCK JPEG"
    elif len(found.sampling) not in (1, 3):
        reason = f"JPEG of {len(found.sampling)} components"
    height = found.height or 1
    return Probe("jpeg", found.width, height, len(found.sampling), found.precision, reason)


def frame(data: bytes) -> Frame:
    """The frame header. Raises EndsEarly and ImageUnreadable."""
    for marker, start, end in segments(data):
        if marker in _SOF:
            precision, height, width, count = struct.unpack_from(">BHHB", data.ljust(start + 10, b"\0"), start + 4)
            if end - start < 10 + 3 * count:
                raise ImageUnreadable("JPEG: a frame header that is too short")
            parts = [data[start + 10 + 3 * i : start + 13 + 3 * i] for i in range(count)]
            sampling = tuple((p[1] >> 4, p[1] & 15) for p in parts)
            if any(not (1 <= h <= 4 and 1 <= v <= 4) for h, v in sampling):
                raise ImageUnreadable("JPEG: impossible sampling factors")
            return Frame(marker, precision, height, width, sampling, tuple(p[2] for p in parts))
    raise ImageUnreadable("JPEG: no frame header")


def complete(data: bytes) -> bool:
    """Is there an end-of-image marker after the first scan began?"""
    try:
        *_, (_, _, end) = segments(data)
    except (EndsEarly, ImageUnreadable):
        return False
    return data.find(b"\xff\xd9", end) >= 0


def encode(pixels: np.ndarray, original: bytes) -> bytes:
    """Encode (H, W, 1 or 3) uint8 like `original`: its subsampling, progression, restart interval, estimated quality.

    The quality is that of the libjpeg tables nearest to the original's, for luma and chroma apart. All APPn and COM
    segments are copied byte for byte, but for the list of appended pictures (MPF) and an Adobe marker for RGB-coded
    components, which would no longer be true. OpenCV encodes, because libvips knows only 4:4:4 and 4:2:0.
    """
    import cv2

    found = frame(original)
    tables = quantisation_tables(original)
    qualities = [_quality(tables.get(t), base) for t, base in zip(found.tables[:2], (_LUMA, _CHROMA), strict=False)]
    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, qualities[0]),
        *(cv2.IMWRITE_JPEG_LUMA_QUALITY, qualities[0]),
        *(cv2.IMWRITE_JPEG_CHROMA_QUALITY, qualities[-1]),
        *(cv2.IMWRITE_JPEG_PROGRESSIVE, int(found.marker == 0xC2)),
        *(cv2.IMWRITE_JPEG_OPTIMIZE, 1),
        *(cv2.IMWRITE_JPEG_RST_INTERVAL, _restart_interval(original)),
    ]
    if pixels.shape[2] == 3:
        ratio = tuple(
            max(s[i] for s in found.sampling) // min(s[i] for s in found.sampling[1:] or found.sampling) for i in (0, 1)
        )
        # A sampling that OpenCV cannot write becomes 4:4:4: larger, and no colour is lost.
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _SAMPLING.get((ratio[0], ratio[1]), 0x111111)]
        pixels = pixels[:, :, ::-1]
    done, coded = cv2.imencode(".jpg", np.ascontiguousarray(pixels), options)
    if not done:
        raise ImageUnreadable("JPEG: the encoder refused the pixels")
    return _with_segments_of(original, coded.tobytes())


def quantisation_tables(data: bytes) -> dict[int, np.ndarray]:
    """Quantisation tables by their number, each (64,) in zigzag order. Raises EndsEarly and ImageUnreadable."""
    tables = {}
    for marker, start, end in segments(data):
        at = start + 4
        while marker == _DQT and at < end:
            kind, size = data[at], 128 if data[at] >> 4 else 64
            if at + 1 + size > end:
                raise ImageUnreadable("JPEG: a quantisation table that is too short")
            tables[kind & 15] = np.frombuffer(data, ">u2" if kind >> 4 else "u1", 64, at + 1).astype(np.int64)
            at += 1 + size
    return tables


def _quality(table: np.ndarray | None, base: str) -> int:
    """Quality 1…100 whose libjpeg table is nearest to `table`, by sum of absolute differences."""
    if table is None:
        return 95
    return 1 + int(np.abs(_scaled(base) - table).sum(axis=1).argmin())


@cache
def _scaled(base: str) -> np.ndarray:
    """libjpeg's tables for qualities 1…100 (jcparam.c, jpeg_quality_scaling), (100, 64)."""
    values = np.array(base.split(), dtype=np.int64)
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.asarray(np.clip((values[None] * scale[:, None] + 50) // 100, 1, 255))


def _restart_interval(data: bytes) -> int:
    for marker, start, end in segments(data):
        if marker == _DRI and end - start >= 6:
            return int(struct.unpack_from(">H", data, start + 4)[0])
    return 0


def _with_segments_of(original: bytes, coded: bytes) -> bytes:
    kept = [original[start:end] for marker, start, end in segments(original) if _is_kept(marker, original, start)]
    own = [coded[start:end] for marker, start, end in segments(coded) if marker != _APP0]
    *_, (_, _, scan) = segments(coded)
    return b"".join([b"\xff\xd8", *kept, *own, coded[scan:]])


def _is_kept(marker: int, data: bytes, start: int) -> bool:
    payload = data[start + 4 : start + 16]
    if marker == _APP2 and payload.startswith(b"MPF\0"):
        return False
    if marker == _APP14 and payload.startswith(b"Adobe") and payload[11:12] == b"\0":
        return False
    return _APP0 <= marker <= _APP15 or marker == _COM
