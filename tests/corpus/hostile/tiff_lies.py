"""TIFF files whose directories lie."""

import struct
import zlib
from collections.abc import Iterator, Sequence

from tests.corpus.hostile.damage import ANY, BROKEN, Hostile

WIDTH, HEIGHT = 102, 75
SHORT, LONG = 3, 4
Tag = tuple[int, int, int, int]  # code, type, count, value or offset
LARGE = frozenset({"ImageTooLarge", "ImageUnreadable", "ImageTruncated", "ImageUnsupported"})
GREY = bytes(range(256)) * 30


def tiff_lies() -> Iterator[Hostile]:
    """All of them."""
    for name, data, allowed in _files():
        yield f"tiff/{name}.tif", data, allowed


def _tags(**changed: int) -> list[Tag]:
    """Of a grey picture in one strip, which lies at byte 8."""
    names = {
        "width": (256, LONG, WIDTH),
        "height": (257, LONG, HEIGHT),
        "bits": (258, SHORT, 8),
        "compression": (259, SHORT, 1),
        "photometric": (262, SHORT, 1),
        "offset": (273, LONG, 8),
        "samples": (277, SHORT, 1),
        "rows": (278, LONG, HEIGHT),
        "length": (279, LONG, WIDTH * HEIGHT),
        "planes": (284, SHORT, 1),
        "predictor": (317, SHORT, 1),
        "sample_format": (339, SHORT, 1),
    }
    return [(code, kind, 1, changed.get(name, usual)) for name, (code, kind, usual) in names.items()]


def _file(
    tags: Sequence[Tag], pixels: bytes = GREY[: WIDTH * HEIGHT], following: int = 0, at: int | None = None
) -> bytes:
    start = 8 + len(pixels) + len(pixels) % 2
    entries = b"".join(
        struct.pack("<HHI", code, kind, count)
        + struct.pack("<HH" if kind == SHORT else "<I", *((value, 0) if kind == SHORT else (value,)))
        for code, kind, count, value in sorted(tags)
    )
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", start if at is None else at) + pixels.ljust(start - 8, b"\0") + directory


def _files() -> Iterator[Hostile]:
    start = 8 + WIDTH * HEIGHT
    yield "plain", _file(_tags()), frozenset({"ok"})
    yield "next directory is itself", _file(_tags(), following=start), ANY
    yield "next directory far away", _file(_tags(), following=2**32 - 2), ANY
    yield "directory far away", _file(_tags(), at=2**31), BROKEN
    yield "directory at 0", _file(_tags(), at=0), BROKEN
    yield "directory in its own header", _file(_tags(), at=2), BROKEN
    yield "its own subdirectory", _file([*_tags(), (330, LONG, 1, start)]), ANY
    yield "a million subdirectories", _file([*_tags(), (330, LONG, 1_000_000, 8)]), ANY
    yield "sixty thousand directories", _chain(60_000), ANY
    for width, height in ((0, HEIGHT), (WIDTH, 0), (2**31, 2**31), (60_000, 60_000), (2**32 - 1, 1)):
        yield f"size {width} x {height}", _file(_tags(width=width, height=height)), LARGE
    for name, values in {
        "bits": (0, 3, 7, 255),
        "samples": (0, 7, 65535),
        "compression": (0, 6, 7, 34712, 65535),
        "photometric": (2, 3, 5, 6, 8, 9, 32803, 65535),
        "rows": (0, 1, 2**32 - 1),
        "planes": (0, 2, 9),
        "predictor": (2, 3, 99),
        "sample_format": (2, 3, 5, 6, 77),
    }.items():
        for value in values:
            yield f"{name} {value}", _file(_tags(**{name: value})), ANY
    yield "strip beyond the file", _file(_tags(offset=2**31)), BROKEN
    yield "strip over the header", _file(_tags(offset=0)), ANY
    yield "strip of 4 GB", _file(_tags(length=2**32 - 1)), ANY
    yield "strip of nothing", _file(_tags(length=0)), ANY
    yield "two million strips", _file([t for t in _tags(rows=1) if t[0] != 273] + [(273, LONG, 2_000_000, 8)]), BROKEN
    yield "values beyond the file", _file([t for t in _tags() if t[0] != 273] + [(273, LONG, 75, 2**32 - 300)]), BROKEN
    yield "a tag of an unknown type", _file([*_tags(), (60001, 99, 1, 0)]), ANY
    yield "a text of 4 GB", _file([*_tags(), (270, 2, 2**32 - 1, 8)]), ANY
    yield "a profile of 4 GB", _file([*_tags(), (34675, 7, 2**32 - 1, 8)]), ANY
    yield "a profile of noise", _file([*_tags(), (34675, 7, 4000, 8)]), ANY
    yield "tags twice", _file([*_tags(), *_tags(width=9)]), ANY
    yield "tiles of no size", _file([*_untiled(), (322, SHORT, 1, 0), (323, SHORT, 1, 0), *_tile()]), BROKEN
    yield "tiles of 65,520", _file([*_untiled(), (322, SHORT, 1, 65520), (323, SHORT, 1, 65520), *_tile()]), BROKEN
    yield "tiles of 7", _file([*_untiled(), (322, SHORT, 1, 7), (323, SHORT, 1, 7), *_tile()]), BROKEN
    yield "no width", _file(_tags()[1:]), BROKEN
    yield "no strips", _file([t for t in _tags() if t[0] not in (273, 279)]), BROKEN
    yield "no tags", _file([]), BROKEN
    bomb = zlib.compress(bytes(400_000_000), 9)
    yield "a strip of 400 MB", _file(_tags(compression=8, length=len(bomb)), bomb), ANY
    big = zlib.compress(bytes(1000), 9)
    yield "a strip that ends early", _file(_tags(compression=8, length=len(big)), big), BROKEN
    yield "big, far away", b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63) + bytes(50), BROKEN
    yield "big, offsets of 99 bytes", b"II+\0\x63\0\0\0" + struct.pack("<Q", 16) + bytes(50), BROKEN
    yield "big, of 2^64 tags", b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**64 - 1) + bytes(50), BROKEN


def _untiled() -> list[Tag]:
    return [tag for tag in _tags() if tag[0] not in (273, 278, 279)]


def _tile() -> list[Tag]:
    return [(324, LONG, 1, 8), (325, LONG, 1, WIDTH * HEIGHT)]


def _chain(count: int) -> bytes:
    """Directories one behind the other, each of one small picture that they share."""
    pixels, tags = bytes(4), _tags(width=2, height=2, rows=2, length=4)
    size = 2 + 12 * len(tags) + 4
    parts = [_file(tags, pixels, following=12 + size * (n + 1) if n + 1 < count else 0)[12:] for n in range(count)]
    return b"II*\0" + struct.pack("<I", 12) + pixels + b"".join(parts)
