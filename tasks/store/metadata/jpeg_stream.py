"""JPEG streams inside other bytes: where they are, and the same place filled with another picture.

Segments after ITU-T T.81, annex B. Cameras hide previews in maker notes whose layout only they know; the stream itself
says where it begins and ends.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Tally

_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_EOI, _SOS = 0xD9, 0xDA
# Markers without a length; and those with one: frames, tables, scans, APPn, comments.
_SHORT = frozenset(range(0xD0, 0xD8)) | {0x01}
_LONG = (_SOF | {0xC4, 0xCC, 0xFE}) | frozenset(range(0xDA, 0xF0))
# Minolta writes another value over the first byte of its previews.
_START = re.compile(rb"[\x00-\xff]\xd8(?=\xff)")
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_GARBAGE = 4096  # bytes between segments that are passed over, as libjpeg does without a limit
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
# From what is good enough for a preview to what is better than none.
_QUALITIES = (92, 87, 82, 76, 70, 63, 55, 45, 35, 25, 15, 8)
_MOST_PIXELS = 32_000_000
_MOST_PIXELS_PER_BYTE = 200  # two bits a block and four tables cannot hold more


Frame = tuple[int, int, int]  # width, height, components


@dataclass(frozen=True)
class Stream:
    """Bytes `start` to `end` are a JPEG stream of this size; one that is not `whole` is cut off or damaged there."""

    start: int
    end: int
    width: int
    height: int
    components: int
    whole: bool


def streams(blob: bytes) -> Iterator[Stream]:
    """All JPEG streams in `blob`, disjoint and in their order; time is linear in its length."""
    known: dict[int, _Chain] = {}
    at = 0
    while found := _START.search(blob, at):
        chain = _follow(blob, found.end(), known)
        at = found.end()
        if chain.scan and chain.frame:
            at, whole = _end(blob, chain.scan)
            yield Stream(found.start(), at, *chain.frame, whole)


def stream_at(blob: bytes, start: int) -> Stream | None:
    """The stream that begins at byte `start`, or None."""
    if not _START.match(blob, start):
        return None
    chain = _follow(blob, start + 2, {})
    if not chain.scan or not chain.frame:
        return None
    end, whole = _end(blob, chain.scan)
    return Stream(start, end, *chain.frame, whole)


def redraw(blob: bytearray, preview: Preview, tally: Tally, start: int = 0, end: int | None = None) -> None:
    """Draw `preview` into every stream between `start` and `end`, in place; a stream that has no room becomes zeros."""
    part = bytes(blob[start:end])
    for stream in streams(part):
        drawn = drawn_for(stream, preview)
        tally.count(bool(drawn))
        place = slice(start + stream.start, start + stream.end)
        blob[place] = drawn.ljust(stream.end - stream.start, b"\0")
        if drawn:
            blob[place.start] = part[stream.start]


def drawn_for(stream: Stream, preview: Preview, reverse: bool = False) -> bytes:
    """`preview` as a baseline JPEG of the stream's size and at most its length; empty where that cannot be.

    `reverse`: blue where a reader of JPEG sees red.
    """
    length, size = stream.end - stream.start, stream.width * stream.height
    if not 0 < size <= min(_MOST_PIXELS, _MOST_PIXELS_PER_BYTE * length):
        return b""
    picture = preview.fitted(stream.width, stream.height)
    if stream.components == 1:
        return coded(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), length)
    return coded(picture[:, :, ::-1] if reverse else picture, length)


def coded(picture: np.ndarray, length: int) -> bytes:
    """(h, w, 3) or (h, w) uint8 sRGB as a baseline JPEG of at most `length` bytes without APPn; empty if none fits.

    Without, because Exif (4.5.8 of version 2.32) and JFIF forbid them in thumbnails.
    """
    best, qualities = b"", list(_QUALITIES)
    while qualities:
        middle = len(qualities) // 2
        done = _coded(picture, qualities[middle])
        fits = len(done) <= length
        best = done if fits else best
        qualities = qualities[:middle] if fits else qualities[middle + 1 :]
    if not best:
        best = _coded(picture, _QUALITIES[-1], optimise=1)
    return best if len(best) <= length else b""


def _coded(picture: np.ndarray, quality: int, optimise: int = 0) -> bytes:
    pixels = picture[:, :, ::-1] if picture.ndim == 3 else picture
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, optimise]
    _, array = cv2.imencode(".jpg", np.ascontiguousarray(pixels), options)
    done = array.tobytes()
    if done[2:4] == b"\xff\xe0":
        done = done[:2] + done[4 + int.from_bytes(done[4:6], "big") :]
    return done


@dataclass
class _Chain:
    """Where segments that follow each other lead: to entropy-coded data (`scan`), past a frame header."""

    scan: int | None = None
    frame: Frame | None = None


@dataclass(frozen=True)
class _Segment:
    """Its marker stands at `start`."""

    marker: int
    start: int
    end: int


def _follow(blob: bytes, at: int, known: dict[int, _Chain]) -> _Chain:
    """The chain from `at`. `known` holds what earlier walks found, so that no segment is walked twice."""
    passed: list[tuple[int, Frame | None]] = []
    end = _Chain()
    while at not in known:
        segment = _segment(blob, at)
        if segment is None:
            known[at] = end
            break
        if segment.marker == _SOS:
            known[at] = end = _Chain(scan=segment.end)
            break
        passed.append((at, _frame(blob, segment.start) if segment.marker in _SOF else None))
        at = segment.end
    else:
        end = known[at]
    for place, frame in reversed(passed):
        end = known[place] = _Chain(end.scan, frame or end.frame)
    return end


def _segment(blob: bytes, at: int) -> _Segment | None:
    """The next segment from `at` on; None where there is none that fits."""
    found = _MARKER.search(blob, at, at + _GARBAGE)
    if not found:
        return None
    start, end = found.span()
    marker = blob[start + 1]
    if marker in _SHORT:
        return _Segment(marker, start, end)
    # A length below its own two bytes is none; libjpeg goes on behind it.
    length = max(2, int.from_bytes(blob[end : end + 2], "big"))
    if marker not in _LONG or end + length > len(blob):
        return None
    return _Segment(marker, start, end + length)


def _frame(blob: bytes, start: int) -> Frame | None:
    header = blob[start + 2 : start + 10].ljust(8, b"\0")
    length, _, height, width, count = struct.unpack(">HBHHB", header)
    return (width, height, count) if width and height and 1 <= count <= 4 and length == 8 + 3 * count else None


def _end(blob: bytes, scan: int) -> tuple[int, bool]:
    """End of the stream whose entropy-coded data begins at `scan`, and whether an end marker is there."""
    at = scan
    while found := _AFTER_SCAN.search(blob, at):
        if blob[found.end() - 1] == _EOI:
            return found.end(), True
        segment = _segment(blob, found.start())
        if segment is None:
            # Cut off, and something else follows.
            return found.start(), False
        at = segment.end
    return len(blob), False
