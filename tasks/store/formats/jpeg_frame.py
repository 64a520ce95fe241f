"""The frame of a JPEG: its components, their sampling and their quantisation tables (ITU-T T.81, B.2.2 and B.2.4.1)."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tasks.errors import ImageUnreadable
from tasks.store.formats.jpeg_segments import DQT, SOF, SOS, Segment, header_segments

CODINGS = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive"}

# Place in an 8 × 8 block, row by row, of each coefficient in the order in which it is stored (T.81, figure 5).
ZIGZAG = np.array(sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8)))


@dataclass(frozen=True)
class Component:
    """Number, sampling factors and table of one component."""

    number: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True)
class Frame:
    """What the frame header (SOFn) says."""

    marker: int
    precision: int
    height: int
    width: int
    components: tuple[Component, ...]

    @property
    def progressive(self) -> bool:
        """Do several scans build each coefficient?"""
        return self.marker == 0xC2

    @property
    def most(self) -> tuple[int, int]:
        """The largest vertical and horizontal sampling factors."""
        return max(c.vertical for c in self.components), max(c.horizontal for c in self.components)

    @property
    def divisible(self) -> bool:
        """Does a sample of each component stand for a whole number of pixels in both directions?"""
        vertical, horizontal = self.most
        return all(vertical % c.vertical == 0 and horizontal % c.horizontal == 0 for c in self.components)

    def pixels(self, index: int) -> tuple[int, int]:
        """Height and width in pixels of a sample of that component."""
        vertical, horizontal = self.most
        return vertical // self.components[index].vertical, horizontal // self.components[index].horizontal

    def blocks(self, index: int) -> tuple[int, int]:
        """Rows and columns of blocks of that component that hold a pixel of the picture."""
        vertical, horizontal = self.most
        component = self.components[index]
        return (
            -(-self.height * component.vertical // (8 * vertical)),
            -(-self.width * component.horizontal // (8 * horizontal)),
        )


def frame(data: bytes) -> Frame:
    """The frame header. Raises EndsEarly and ImageUnreadable."""
    for segment in header_segments(data):
        if segment.marker in SOF:
            return _frame(segment.marker, segment.payload(data))
    raise ImageUnreadable("JPEG: no frame header")


def _frame(marker: int, payload: bytes) -> Frame:
    precision, height, width, count = struct.unpack(">BHHB", payload[:6].ljust(6, b"\0"))
    if len(payload) < 6 + 3 * count:
        raise ImageUnreadable("JPEG: a frame header that is too short")
    parts = [payload[6 + 3 * i : 9 + 3 * i] for i in range(count)]
    components = tuple(Component(p[0], p[1] >> 4, p[1] & 15, p[2]) for p in parts)
    if any(not (1 <= c.horizontal <= 4 and 1 <= c.vertical <= 4) for c in components):
        raise ImageUnreadable("JPEG: impossible sampling factors")
    return Frame(marker, precision, height, width, components)


def quantisation_tables(data: bytes, found: Iterable[Segment], frame: Frame) -> list[np.ndarray]:
    """Of each component its table, (64,) float32: the one in force when the component's first scan begins.

    Raises ImageUnreadable where there is none.
    """
    slots: dict[int, np.ndarray] = {}
    latched: dict[int, np.ndarray] = {}
    numbers = {c.number: i for i, c in enumerate(frame.components)}
    for segment in found:
        payload = segment.payload(data)
        if segment.marker == DQT:
            slots.update(_tables(payload))
        elif segment.marker == SOS:
            for index in (numbers[n] for n in payload[1 : 1 + 2 * payload[0] : 2] if n in numbers):
                table = slots.get(frame.components[index].table)
                if table is not None:
                    latched.setdefault(index, table)
    if len(latched) < len(frame.components):
        raise ImageUnreadable("JPEG: a component without quantisation table or without scan")
    return [latched[i] for i in range(len(frame.components))]


def _tables(payload: bytes) -> dict[int, np.ndarray]:
    tables, at = {}, 0
    while at < len(payload):
        kind, size = payload[at], 128 if payload[at] >> 4 else 64
        if at + 1 + size > len(payload):
            raise ImageUnreadable("JPEG: a quantisation table that is too short")
        table = np.zeros(64, np.float32)
        table[ZIGZAG] = np.frombuffer(payload, ">u2" if kind >> 4 else "u1", 64, at + 1)
        # Zero would leave no way back from a coefficient; libjpeg takes such files and multiplies by it.
        tables[kind & 15] = np.maximum(table, 1)
        at += 1 + size
    return tables
