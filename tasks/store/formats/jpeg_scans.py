"""The scans of a JPEG: which bits of which coefficients each carries (ITU-T T.81, B.2.3 and G.1.1.1)."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from tasks.errors import ImageUnreadable
from tasks.store.formats.jpeg_frame import Frame
from tasks.store.formats.jpeg_segments import DRI, SOS, Segment

_MOST_SCANS = 100  # more is an attack on the reader's time
_MOST_BLOCKS = 10  # in an interleaved unit (B.2.3)


@dataclass(frozen=True)
class Scan:
    """Coefficients `first` to `last` (zigzag) of some components, from bit `high` − 1 (0: the top) down to bit `low`.

    `components` are indices into the frame's, `dc` and `ac` their Huffman tables; `restart` the interval in units.
    """

    components: tuple[int, ...]
    dc: tuple[int, ...]
    ac: tuple[int, ...]
    first: int = 0
    last: int = 63
    high: int = 0
    low: int = 0
    restart: int = 0

    def header(self, frame: Frame) -> bytes:
        """The SOS segment."""
        tables = zip(self.components, self.dc, self.ac, strict=True)
        parts = [bytes((frame.components[i].number, dc << 4 | ac)) for i, dc, ac in tables]
        payload = bytes((len(parts),)) + b"".join(parts) + bytes((self.first, self.last, self.high << 4 | self.low))
        return b"\xff\xda" + struct.pack(">H", 2 + len(payload)) + payload


def scans(data: bytes, found: Iterable[Segment], frame: Frame) -> list[Scan]:
    """The scans in their order. Raises ImageUnreadable for headers that make no sense."""
    listed, restart = [], 0
    numbers = {c.number: i for i, c in enumerate(frame.components)}
    for segment in found:
        payload = segment.payload(data)
        if segment.marker == DRI and len(payload) >= 2:
            (restart,) = struct.unpack_from(">H", payload)
        if segment.marker == SOS:
            count = payload[0] if payload else 0
            parts = [payload[1 + 2 * i : 3 + 2 * i] for i in range(count)]
            if not 1 <= count <= 4 or len(payload) < 4 + 2 * count or any(p[0] not in numbers for p in parts):
                raise ImageUnreadable("JPEG: a scan header that does not fit the frame")
            first, last, bits = payload[1 + 2 * count : 4 + 2 * count]
            dc, ac = (tuple(p[1] >> shift & 15 for p in parts) for shift in (4, 0))
            indices = tuple(numbers[p[0]] for p in parts)
            listed.append(Scan(indices, dc, ac, first, last, bits >> 4, bits & 15, restart))
    return listed


def complete(script: list[Scan], frame: Frame) -> bool:
    """Do these scans carry every bit of every coefficient exactly once, in an order that the standard allows?

    A file may stop before that (a progression that was cut short on purpose); then it cannot carry new coefficients.
    """
    if len(script) > _MOST_SCANS or any(t > 3 for s in script for t in (*s.dc, *s.ac)):
        return False
    if frame.progressive:
        return _builds_up(script, len(frame.components))
    whole = all((s.first, s.last, s.high, s.low) == (0, 63, 0, 0) for s in script)
    return whole and sorted(i for s in script for i in s.components) == list(range(len(frame.components)))


def _builds_up(script: list[Scan], components: int) -> bool:
    # Of each coefficient the lowest bit that is there, −1 before its first.
    lowest = {(i, k): -1 for i in range(components) for k in range(64)}
    for scan in script:
        band = scan.first <= scan.last <= 63 and (scan.first == 0) == (scan.last == 0)
        if not band or (scan.first and len(scan.components) > 1):
            return False
        for place in ((i, k) for i in scan.components for k in range(scan.first, scan.last + 1)):
            expected = (scan.high, scan.high - 1) if scan.high else (-1, scan.low)
            if (lowest[place], scan.low) != expected or (scan.first and lowest[place[0], 0] < 0):
                return False
            lowest[place] = scan.low
    return set(lowest.values()) == {0}


def plain(frame: Frame, restart: int = 0) -> list[Scan]:
    """The simplest complete scans for a frame: DC, then AC of each component, or all at once if not progressive."""
    every = range(len(frame.components))
    tables = [min(i, 1) if len(frame.components) == 3 else 0 for i in every]
    blocks = sum(c.horizontal * c.vertical for c in frame.components)
    groups = [tuple(every)] if blocks <= _MOST_BLOCKS else [(i,) for i in every]
    last = 0 if frame.progressive else 63
    listed = [Scan(g, t, t, 0, last, restart=restart) for g in groups for t in [tuple(tables[i] for i in g)]]
    if frame.progressive:
        listed += [Scan((i,), (tables[i],), (tables[i],), 1, 63, restart=restart) for i in every]
    return listed
