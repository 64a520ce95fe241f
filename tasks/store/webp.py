"""WebP files: chunks, the header, and a lossless encoder that keeps profile and metadata."""

import struct
from collections.abc import Iterator

import numpy as np

from tasks.errors import ImageUnreadable
from tasks.store.header import EndsEarly, Probe
from tasks.store.vips import image_of

_ICC, _ALPHA, _EXIF, _XMP, _ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, payload) of each complete chunk inside the RIFF container."""
    at, total = 12, min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    while at + 8 <= total:
        kind, length = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if at + 8 + length > total:
            return
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)


def probe(data: bytes) -> Probe:
    """Header of a WebP file. Raises EndsEarly and ImageUnreadable."""
    if len(data) < 30:
        raise EndsEarly
    kind = data[12:16]
    if kind == b"VP8X":
        flags = data[20]
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        animated = bool(flags & _ANIMATION)
        reason = "animated WebP" if animated else None
        return Probe("webp", width, height, 4 if flags & _ALPHA else 3, 8, reason, 2 if animated else 1)
    if kind == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        return Probe("webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), 4 if bits >> 28 & 1 else 3, 8)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return Probe("webp", width & 0x3FFF, height & 0x3FFF, 3, 8)
    raise ImageUnreadable("WebP: no picture header")


def complete(data: bytes) -> bool:
    """Is the file as long as its container says?"""
    return bool(len(data) >= 8 + struct.unpack_from("<I", data.ljust(8, b"\0"), 4)[0])


def encode(pixels: np.ndarray, original: bytes) -> bytes:
    """Encode (H, W, 3 or 4) uint8 losslessly, also where alpha is 0; ICC, EXIF, XMP and unknown chunks are copied."""
    coded = dict(chunks(image_of(pixels).webpsave_buffer(lossless=True, exact=True, effort=1, keep="none")))
    others = [(kind, payload) for kind, payload in chunks(original) if kind not in (b"VP8X", b"VP8 ", b"VP8L", b"ALPH")]
    before = [c for c in others if c[0] == b"ICCP"]
    after = [c for c in others if c[0] != b"ICCP"]
    names = {kind for kind, _ in others}
    flags = sum(f for f, n in ((_ICC, b"ICCP"), (_EXIF, b"EXIF"), (_XMP, b"XMP ")) if n in names)
    # The alpha flag stays, also where every pixel is opaque and the encoder leaves alpha out.
    flags |= _ALPHA if pixels.shape[2] == 4 else 0
    height, width = pixels.shape[:2]
    canvas = struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    written = [(b"VP8X", canvas), *before, (b"VP8L", coded[b"VP8L"]), *after]
    if not others and not flags:
        written = [(b"VP8L", coded[b"VP8L"])]
    body = b"".join(
        kind + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) & 1) for kind, payload in written
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
