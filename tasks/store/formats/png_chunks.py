"""The chunks of a PNG file (ISO/IEC 15948, PNG specification 3rd edition, §5)."""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_INFLATED = 1 << 26  # bytes; profiles and packets of metadata are smaller


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, first byte, end) of each complete chunk up to IEND; payload from first + 8 to end − 4."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            return
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end


def chunk(kind: bytes, payload: bytes) -> bytes:
    """A chunk with its length and its check sum."""
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(payload, zlib.crc32(kind)))


def first(data: bytes, kind: bytes) -> bytes | None:
    """The payload of the first chunk of this type, or None."""
    return next((data[start + 8 : end - 4] for found, start, end in chunks(data) if found == kind), None)


def inflated(payload: bytes, most: int = _INFLATED) -> bytes | None:
    """What a zlib stream holds; None where it is damaged, cut off, or holds more than `most` bytes."""
    decoder = zlib.decompressobj()
    try:
        data = decoder.decompress(payload, most)
        return data if decoder.eof else None
    except zlib.error:
        return None
