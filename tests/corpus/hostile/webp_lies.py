"""WebP files whose chunks lie."""

import struct
from collections.abc import Iterator

from tests.corpus.hostile.damage import ANY, BROKEN, Hostile
from tests.corpus.kinds import kinds

LARGE = frozenset({"ImageTooLarge", "ImageUnreadable", "ImageTruncated", "ImageUnsupported"})


def webp_lies() -> Iterator[Hostile]:
    """All of them."""
    files = {kind.name: kind.data for kind in kinds() if kind.name.startswith("webp")}
    for name, data, allowed in _files(files["webp lossless with metadata"], files["webp lossy"]):
        yield f"webp/{name}.webp", data, allowed


def _files(extended: bytes, plain: bytes) -> Iterator[Hostile]:
    parts = _chunks(extended)
    canvas = parts[0][1]
    for size in (0, 4, len(extended) // 2, 2**32 - 1):
        yield f"riff of {size} bytes", extended[:4] + struct.pack("<I", size) + extended[8:], ANY
    for wide in (0, 101, 2**14, 2**24 - 1):
        lie = canvas[:4] + struct.pack("<I", wide)[:3] + struct.pack("<I", wide)[:3]
        yield f"canvas of {wide + 1}", _riff([(b"VP8X", lie), *parts[1:]]), ANY if wide == 101 else LARGE
    yield "flags that promise everything", _riff([(b"VP8X", b"\xff" + canvas[1:]), *parts[1:]]), ANY
    yield "animation without frames", _riff([(b"VP8X", b"\x02" + canvas[1:]), (b"ANIM", bytes(6))]), BROKEN
    yield "no picture", _riff([part for part in parts if part[0] not in (b"VP8 ", b"VP8L")]), BROKEN
    yield "two pictures", _riff([*parts, *(part for part in parts if part[0] == b"VP8L")]), ANY
    yield "alpha without a picture", _riff([(b"VP8X", canvas), (b"ALPH", bytes(20))]), BROKEN
    yield "an empty profile", _riff([(k, b"" if k == b"ICCP" else v) for k, v in parts]), ANY
    yield "a profile of noise", _riff([(k, v[::-1] if k == b"ICCP" else v) for k, v in parts]), ANY
    yield "exif of noise", _riff([(k, v[::-1] if k == b"EXIF" else v) for k, v in parts]), ANY
    yield "a chunk beyond the file", extended[:-40] + b"JUNK" + struct.pack("<I", 2**31), BROKEN
    yield "unknown chunks", _riff([*parts, *((b"JUNK", bytes(3)) for _ in range(20_000))]), ANY
    lossless = next(value for kind, value in parts if kind == b"VP8L")
    yield "lossless of 16,384", _riff([(b"VP8L", lossless[:1] + b"\xff\xff\xff\x0f" + lossless[5:])]), LARGE
    yield "lossless, another version", _riff([(b"VP8L", lossless[:4] + b"\xff" + lossless[5:])]), BROKEN
    lossy = _chunks(plain)[0][1]
    for width, height in ((0, 75), (102, 0), (16383, 16383)):
        lie = lossy[:6] + struct.pack("<HH", width, height) + lossy[10:]
        yield f"lossy of {width} x {height}", _riff([(b"VP8 ", lie)]), LARGE
    yield "lossy, no key frame", _riff([(b"VP8 ", bytes([lossy[0] | 1]) + lossy[1:])]), BROKEN


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        found.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + (length & 1)
    return found


def _riff(chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(value)) + value + b"\0" * (len(value) % 2) for kind, value in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
