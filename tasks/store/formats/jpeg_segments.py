"""JPEG marker segments (ITU-T T.81, annex B): where each begins and ends, entropy-coded data included."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.errors import ImageUnreadable
from tasks.store.formats.header import EndsEarly

SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
DHT, DAC, SOI, EOI, SOS, DQT, DNL, DRI = 0xC4, 0xCC, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD
APP0, APP1, APP2, APP11, APP13, APP14, APP15, COM = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xEF, 0xFE

# What ends entropy-coded data: neither a stuffed zero, nor a restart marker, nor a fill byte.
_NEXT = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")


@dataclass(frozen=True)
class Segment:
    """Bytes `start` to `end`, marker and length included; after a scan header its data go on to `until`."""

    marker: int
    start: int
    end: int
    until: int

    def payload(self, data: bytes) -> bytes:
        """What comes after marker and length."""
        return data[self.start + 4 : self.end]


def header_segments(data: bytes) -> Iterator[Segment]:
    """The segments up to the first scan header (SOS), included; its data are not looked for.

    Raises EndsEarly and ImageUnreadable.
    """
    at = 2
    while True:
        found = _segment(data, at)
        yield found
        if found.marker == SOS:
            return
        at = found.end


def segments(data: bytes) -> tuple[list[Segment], int]:
    """All segments up to the end-of-image marker, and the first byte after that marker.

    Raises EndsEarly (also where there is no such marker) and ImageUnreadable.
    """
    found: list[Segment] = []
    at = 2
    while True:
        at = _past_fill(data, at)
        if data[at : at + 2] == bytes((0xFF, EOI)):
            return found, at + 2
        segment = _segment(data, at)
        found.append(segment)
        at = segment.until


def _segment(data: bytes, at: int) -> Segment:
    at = _past_fill(data, at)
    if len(data) < at + 4:
        raise EndsEarly
    if data[at] != 0xFF:
        raise ImageUnreadable(f"JPEG: no marker at byte {at}")
    marker = data[at + 1]
    (length,) = struct.unpack_from(">H", data, at + 2)
    if length < 2 or marker < 0xC0 or SOI <= marker <= EOI:
        raise ImageUnreadable(f"JPEG: marker {marker:#04x} with length {length} at byte {at}")
    end = until = at + 2 + length
    if end > len(data):
        raise EndsEarly
    if marker == SOS:
        following = _NEXT.search(data, end)
        until = following.start() if following else len(data)
    return Segment(marker, at, end, until)


def _past_fill(data: bytes, at: int) -> int:
    """Any number of 0xff may fill the space before a marker (B.1.1.2)."""
    while data[at : at + 2] == b"\xff\xff":
        at += 1
    return at
