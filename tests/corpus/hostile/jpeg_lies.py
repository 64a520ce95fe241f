"""JPEG files whose segments lie."""

import struct
from collections.abc import Iterator

from tests.corpus.hostile.damage import ANY, BROKEN, Hostile
from tests.corpus.kinds import kinds
from tests.tasks.store.formats.jpegs import with_segments

LARGE = frozenset({"ImageTooLarge", "ImageUnreadable", "ImageTruncated", "ImageUnsupported"})


def jpeg_lies() -> Iterator[Hostile]:
    """All of them."""
    good = next(kind.data for kind in kinds() if kind.name == "jpeg 4:2:2")
    for name, data, allowed in _files(good):
        yield f"jpeg/{name}.jpg", data, allowed


def _files(good: bytes) -> Iterator[Hostile]:
    frame, scan = _at(good, 0xC0), _at(good, 0xDA)
    for height, width in ((0, 102), (75, 0), (65535, 65535), (65500, 102), (1, 1)):
        lie = struct.pack(">HH", height, width)
        yield f"size {width} x {height}", _patched(good, frame + 5, lie), ANY if height == 1 else LARGE | BROKEN
    yield "no components", _patched(good, frame + 9, b"\0"), BROKEN
    yield "nine components", _patched(good, frame + 9, b"\x09"), BROKEN
    yield "two components", _patched(good, frame + 9, b"\x02"), BROKEN
    for sampling in (0x00, 0x55, 0xFF, 0x13):
        yield f"sampling {sampling:02x}", _patched(good, frame + 11, bytes([sampling])), ANY
    yield "twelve bits", _patched(good, frame + 4, b"\x0c"), BROKEN
    yield "a table that is not there", _patched(good, frame + 12, b"\x03"), BROKEN
    for kind in (0xC3, 0xC5, 0xC9, 0xCA, 0xCF):
        yield f"frame {kind:02x}", _patched(good, frame + 1, bytes([kind])), BROKEN
    yield "no frame", good[:frame] + good[_after(good, frame) :], BROKEN
    yield "two frames", good[:frame] + good[frame : _after(good, frame)] * 2 + good[_after(good, frame) :], ANY
    yield "no quantisation", _without(good, 0xDB), BROKEN
    yield "no code tables", _without(good, 0xC4), ANY  # libjpeg fills in the usual ones
    yield "no scan", good[:scan] + b"\xff\xd9", BROKEN
    yield "no end", good[:-2], ANY
    yield "an empty scan", good[: _after(good, scan)] + b"\xff\xd9", BROKEN
    yield "a scan of ones", good[: _after(good, scan)] + b"\xff\x00" * 2000 + b"\xff\xd9", ANY
    yield "restart at every block", with_segments(good, (0xDD, b"\0\1")), ANY
    yield "segment without length", good[:2] + b"\xff\xe1\0\0" + good[2:], BROKEN
    yield "segment of one byte", good[:2] + b"\xff\xe1\0\1" + good[2:], BROKEN
    yield "segment beyond the file", good[:frame] + b"\xff\xe5\xff\xff" + good[frame : frame + 50], BROKEN
    yield "a megabyte of fill", good[:2] + b"\xff" * 1_000_000 + good[2:], ANY
    yield "too many codes", with_segments(good, (0xC4, b"\0" + b"\xff" * 16 + bytes(255))), ANY
    yield "a code table of nothing", with_segments(good, (0xC4, b"\0" + bytes(16))), ANY
    yield "thousands of scans", _many_scans(), ANY
    yield "a thousand comments", with_segments(good, *((0xFE, b"x" * 60_000) for _ in range(1000))), ANY
    yield from _metadata(good)


def _metadata(good: bytes) -> Iterator[Hostile]:
    tail = b"\0\x01\x01\x0e\0\x02\0\0\0\x04" + b"\0\0\0\x08"  # its next directory is itself
    far = b"\0\x01\x01\x0e\0\x02\xff\xff\xff\xff\xff\xff\xff\xf0"
    for name, body in (("bites its tail", tail), ("points far away", far), ("announces 65,535 tags", b"\xff\xff")):
        yield f"exif {name}", with_segments(good, (0xE1, b"Exif\0\0MM\0\x2a\0\0\0\x08" + body)), ANY
    turned = b"\0\x01\x01\x12\0\x03\0\0\0\x01\0\xc8\0\0" + bytes(4)
    yield "exif orientation 200", with_segments(good, (0xE1, b"Exif\0\0MM\0\x2a\0\0\0\x08" + turned)), ANY
    profile = b"ICC_PROFILE\0"
    for name, parts in (
        ("part 2 of 1", [b"\x02\x01"]),
        ("parts twice", [b"\x01\x02", b"\x01\x02"]),
        ("part 0", [b"\x00\x00"]),
        ("255 parts but one", [b"\x01\xff"]),
    ):
        yield f"profile {name}", with_segments(good, *((0xE2, profile + part + bytes(200)) for part in parts)), ANY
    absurd = struct.pack(">I", 2**31) + b"none" + bytes(28) + b"acsp" + bytes(88) + struct.pack(">I", 2**32 - 1)
    yield "profile of 2^32 tags", with_segments(good, (0xE2, profile + b"\1\1" + absurd)), ANY
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    xmp = b'<!DOCTYPE x [<!ENTITY l0 "ha">' + laughs + b"]><x>&l9;</x>"
    yield "xmp that expands to gigabytes", with_segments(good, (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)), ANY
    yield "adobe transform 9", with_segments(good, (0xEE, b"Adobe\0\x64" + bytes(4) + b"\x09")), ANY
    yield "adobe of no length", with_segments(good, (0xEE, b"Adobe")), ANY
    yield "thumbnail larger than the picture", with_segments(good, (0xE0, b"JFXX\0\x13" + b"\xff\xff" + bytes(30))), ANY


def _many_scans() -> bytes:
    """A progressive file that sends the same refinement over and over."""
    good = next(kind.data for kind in kinds() if kind.name == "jpeg 4:4:4 progressive")
    last = good.rindex(b"\xff\xda")
    return good[:-2] + good[last:-2] * 3000 + b"\xff\xd9"


def _at(data: bytes, marker: int) -> int:
    """Where a segment begins (its 0xFF)."""
    at = 2
    while data[at + 1] != marker:
        at = _after(data, at)
    return at


def _after(data: bytes, at: int) -> int:
    return at + 2 + int(struct.unpack_from(">H", data, at + 2)[0])


def _without(data: bytes, marker: int) -> bytes:
    kept, at = [data[:2]], 2
    while data[at + 1] != 0xDA:
        if data[at + 1] != marker:
            kept.append(data[at : _after(data, at)])
        at = _after(data, at)
    return b"".join([*kept, data[at:]])


def _patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]
