"""PNG files whose chunks lie."""

import struct
import zlib
from collections.abc import Iterator
from functools import cache

from tests.corpus.hostile.damage import ANY, BROKEN, Hostile
from tests.tasks.store.formats.pngs import chunk

SIGNATURE = b"\x89PNG\r\n\x1a\n"
WIDTH, HEIGHT = 102, 75
LARGE = frozenset({"ImageTooLarge", "ImageUnreadable", "ImageTruncated"})


def png_lies() -> Iterator[Hostile]:
    """All of them."""
    for name, data, allowed in _files():
        yield f"png/{name}.png", data, allowed


def _header(width: int = WIDTH, height: int = HEIGHT, depth: int = 8, colour: int = 2, rest: bytes = bytes(3)) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBB", width, height, depth, colour) + rest)


def _pixels(width: int = WIDTH, height: int = HEIGHT, channels: int = 3) -> bytes:
    return zlib.compress(
        (b"\0" + bytes(range(256))[: width * channels % 251].ljust(width * channels, b"\x7f")) * height
    )


def _file(*chunks: bytes, end: bool = True) -> bytes:
    return SIGNATURE + b"".join(chunks) + (chunk(b"IEND", b"") if end else b"")


def _files() -> Iterator[Hostile]:
    good, data = _header(), chunk(b"IDAT", _pixels())
    for width, height in ((0, HEIGHT), (WIDTH, 0), (0, 0), (2**31, 1), (2**32 - 1, 2**32 - 1)):
        yield f"size {width} x {height}", _file(_header(width, height), data), LARGE
    yield "huge", _file(_header(40_000, 40_000), data), frozenset({"ImageTooLarge"})
    yield "wider than its pixels", _file(_header(WIDTH + 1), data), BROKEN
    yield "higher than its pixels", _file(_header(height=HEIGHT + 1), data), BROKEN
    yield "lower than its pixels", _file(_header(height=HEIGHT - 9), data), ANY
    for depth, colour in ((3, 2), (0, 0), (255, 2), (1, 2), (8, 7), (8, 1), (16, 3), (4, 6)):
        yield f"depth {depth} colour {colour}", _file(_header(depth=depth, colour=colour), data), BROKEN
    for at, name in enumerate(("compression", "filter", "interlace")):
        rest = bytes(9 if n == at else 0 for n in range(3))
        yield f"unknown {name}", _file(_header(rest=rest), data), ANY if at == 2 else BROKEN
    yield "interlaced by name only", _file(_header(rest=b"\0\0\1"), data), BROKEN
    yield "palette without entries", _file(_header(colour=3), chunk(b"IDAT", _pixels(channels=1))), ANY
    yield (
        "index beyond the palette",
        _file(_header(colour=3), chunk(b"PLTE", b"\1\2\3"), chunk(b"IDAT", _pixels(channels=1))),
        ANY,
    )
    yield (
        "palette of half an entry",
        _file(_header(colour=3), chunk(b"PLTE", b"\1\2"), chunk(b"IDAT", _pixels(channels=1))),
        ANY,
    )
    yield "no header", _file(data), BROKEN
    yield "header twice", _file(good, good, data), ANY
    yield "header last", _file(data, good), BROKEN
    yield "no pixels", _file(good), BROKEN
    yield "no end", _file(good, data, end=False), ANY
    yield "wrong checksum of the header", _file(good[:-1] + bytes([good[-1] ^ 1]), data), BROKEN
    yield "wrong checksum of the pixels", _file(good, data[:-1] + bytes([data[-1] ^ 1])), ANY
    yield "length beyond the file", _file(good, struct.pack(">I", 2**31 - 1) + data[4:]), BROKEN
    yield "length of 4 GB", _file(good, struct.pack(">I", 2**32 - 1) + data[4:]), BROKEN
    yield "pixels of a gigabyte", _file(good, chunk(b"IDAT", _bomb())), ANY
    yield "unknown critical chunk", _file(good, chunk(b"QQQQ", b"x"), data), ANY
    yield "text in the middle of the pixels", _file(good, *_split(chunk(b"tEXt", b"a\0b"))), ANY
    yield "profile of a gigabyte", _file(good, chunk(b"iCCP", b"p\0\0" + _bomb()), data), ANY
    yield "text of a gigabyte", _file(good, chunk(b"zTXt", b"Comment\0\0" + _bomb()), data), ANY
    yield "profile that is none", _file(good, chunk(b"iCCP", b"p\0\0" + zlib.compress(b"acsp" * 99)), data), ANY
    yield "profile without an end", _file(good, chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(999))[:9]), data), ANY
    yield "exif that is none", _file(good, chunk(b"eXIf", b"MM\0\x2a\0\0\0\x08\xff\xff" + bytes(40)), data), ANY
    yield "exif that bites its tail", _file(good, chunk(b"eXIf", b"MM\0\x2a\0\0\0\x08\0\0\0\0\0\x08"), data), ANY
    yield (
        "transparent beyond the palette",
        _file(_header(colour=3), *_clear(), chunk(b"IDAT", _pixels(channels=1))),
        ANY,
    )
    yield "a hundred thousand chunks", _file(good, *(chunk(b"tEXt", b"k\0v") for _ in range(100_000)), data), ANY
    yield (
        "moving",
        _file(good, chunk(b"acTL", struct.pack(">II", 3, 0)), data),
        frozenset({"ImageUnsupported", "ok"}),
    )


@cache
def _bomb() -> bytes:
    """A gigabyte of zeros, deflated a thousand times smaller."""
    packer, piece = zlib.compressobj(9), bytes(2**20)
    return b"".join([*(packer.compress(piece) for _ in range(1024)), packer.flush()])


def _split(between: bytes) -> list[bytes]:
    pixels = _pixels()
    return [chunk(b"IDAT", pixels[:40]), between, chunk(b"IDAT", pixels[40:])]


def _clear() -> list[bytes]:
    return [chunk(b"PLTE", bytes(range(9))), chunk(b"tRNS", bytes(200))]
