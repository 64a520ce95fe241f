"""PNG files of every kind, written sample by sample, so that the writer under test is not its own witness."""

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tasks.fill.colour import Plain
from tasks.store.metadata.preview import Preview

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def listed(data: bytes) -> list[tuple[bytes, bytes]]:
    """(type, payload) of every chunk."""
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def others(data: bytes) -> list[tuple[bytes, bytes]]:
    """`listed`, with one empty IDAT where the pixels are."""
    found: list[tuple[bytes, bytes]] = []
    for kind, payload in listed(data):
        if kind != b"IDAT":
            found.append((kind, payload))
        elif found[-1] != (b"IDAT", b""):
            found.append((kind, b""))
    return found


def png(
    samples: np.ndarray, depth: int, colour: int, before: bytes = b"", after: bytes = b"", interlaced: bool = False
) -> bytes:
    """A file of (H, W, C) samples below 2^depth; `before` and `after` are chunks around the pixels."""
    height, width, _ = samples.shape
    lines = []
    for row, column, down, right in PASSES if interlaced else ((0, 0, 1, 1),):
        for line in samples[row::down, column::right]:
            if line.size:
                bits = "".join(f"{int(v):0{depth}b}" for v in line.reshape(-1))
                bits += "0" * (-len(bits) % 8)
                lines.append(b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big"))
    coded = zlib.compress(b"".join(lines))
    half = len(coded) // 2
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)),
            before,
            chunk(b"IDAT", coded[:half]) + chunk(b"IDAT", coded[half:]),
            after,
            chunk(b"IEND", b""),
        ]
    )


@dataclass(frozen=True)
class Sample:
    """A PNG file with what it was made of."""

    data: bytes
    samples: np.ndarray  # (H, W, C)
    depth: int
    colour: int


@st.composite
def files(draw: st.DrawFn, colours: Any = tuple(DEPTHS)) -> Sample:
    """Any colour type × depth × interlacing × palette × tRNS."""
    colour = draw(st.sampled_from(colours))
    depth = draw(st.sampled_from(DEPTHS[colour]))
    height, width = draw(st.tuples(st.integers(1, 24), st.integers(1, 24)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    entries = draw(st.integers(1, 1 << depth)) if colour == PALETTE else 1 << depth
    samples = rng.integers(0, draw(st.integers(1, entries)), (height, width, CHANNELS[colour]))
    before = b""
    if colour == PALETTE:
        before += chunk(b"PLTE", rng.integers(0, 256, 3 * entries, np.uint8).tobytes())
    if draw(st.booleans()):
        if colour == PALETTE:
            levels = rng.choice([0, 255, 255, int(rng.integers(0, 256))], int(rng.integers(1, entries + 1)))
            before += chunk(b"tRNS", levels.astype(np.uint8).tobytes())
        elif colour in (GREY, RGB):
            before += chunk(b"tRNS", samples[0, 0].astype(">u2").tobytes())
    before += chunk(b"prVt", b"unknown, safe to copy")
    after = chunk(b"tEXt", b"Title\0x") + chunk(b"tIME", bytes(7))
    return Sample(png(samples, depth, colour, before, after, draw(st.booleans())), samples, depth, colour)


def preview(pixels: np.ndarray) -> Preview:
    """Of the colours of `pixels`."""
    colours = 1 if pixels.shape[2] < 3 else 3
    return Preview(pixels[:, :, :colours], Plain(colours))
