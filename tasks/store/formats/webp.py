"""WebP files: chunks, the header, and an encoder that keeps pixels, profile and metadata (RFC 9649)."""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tasks.errors import ImageUnreadable
from tasks.store.formats.encoded import Encoded
from tasks.store.formats.header import EndsEarly, Header, Probe
from tasks.store.formats.vips import image_of
from tasks.store.metadata import exif, xmp
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Renewed
from tasks.store.settings import OutputSettings

_ALPHA, _ANIMATION = 0x10, 0x02
_PICTURE = (b"ALPH", b"VP8 ", b"VP8L")
_CONTENT_CREDENTIALS = b"C2PA"

# (effort, Q), tried in turn while a lossless original's size is exceeded by more than a factor of 1.05. On photographs
# that were lossy before, (2, 50) takes a third of the time of libvips' default (4, 75) and is 1 % larger; the limit (6, 100)
# would win 2 % in 100 times the time.
_EFFORTS = ((2, 50), (5, 75))
_LARGER = 1.05


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, payload) of each complete chunk inside the RIFF container."""
    at, total = 12, min(len(data), _length(data))
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
        return _extended(data)
    if kind == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        return Probe(Header("webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), 8, alpha=_is_clear(data[20:25])))
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return Probe(Header("webp", width & 0x3FFF, height & 0x3FFF, 8))
    raise ImageUnreadable("WebP: no picture header")


def _extended(data: bytes) -> Probe:
    flags = data[20]
    width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    animated, alpha = bool(flags & _ANIMATION), bool(flags & _ALPHA)
    found = dict(reversed(list(chunks(data))))
    reason = None
    if animated:
        reason = "animated WebP"
    elif not alpha and (b"ALPH" in found or _is_clear(found.get(b"VP8L", b""))):
        reason = "WebP with an alpha channel that its header denies"
    orientation = exif.orientation(found[b"EXIF"]) if b"EXIF" in found else 1
    return Probe(Header("webp", width, height, 8, alpha=alpha, orientation=orientation), reason, 2 if animated else 1)


def complete(data: bytes) -> bool:
    """Is the file as long as its container says?"""
    return len(data) >= 12 and len(data) >= _length(data)


def icc(data: bytes) -> bytes | None:
    """The profile of the ICCP chunk; None where there is none."""
    return next((payload for kind, payload in chunks(data) if kind == b"ICCP"), None) or None


def encode(
    pixels: np.ndarray, original: bytes, mask: NDArray[np.bool_], preview: Preview, settings: OutputSettings
) -> Encoded:
    """Encode (H, W, 3 or 4) uint8: lossless, also where alpha is 0, so that known pixels stay, also of a lossy original.

    With `settings.webp_quality` a lossy original becomes lossy again, all of it; its alpha stays lossless. Other chunks
    keep their bytes and order, but for pictures in EXIF and XMP, which are made anew, and content credentials (C2PA),
    which sign the old picture and go.
    """
    old = list(chunks(original))
    lossy = any(kind == b"VP8 " for kind, _ in old)
    notes: list[str] = []
    if lossy and settings.webp_quality is not None:
        coded = image_of(pixels).webpsave_buffer(Q=settings.webp_quality, alpha_q=100, keep="none")
        notes.append(f"WebP encoded at quality {settings.webp_quality}: pixels outside the mask change too")
    else:
        coded = _lossless(pixels, None if lossy else sum(len(payload) for kind, payload in old if kind in _PICTURE))
    picture = [chunk for chunk in chunks(coded) if chunk[0] in _PICTURE]
    written: list[tuple[bytes, bytes]] = []
    for kind, payload in old:
        if kind == _CONTENT_CREDENTIALS:
            notes.append("content credentials (C2PA) dropped")
        elif kind in _PICTURE:
            written += picture
            picture = []
        else:
            kept = _renewed(kind, payload, preview)
            written.append((kind, kept.data))
            notes += kept.notes
    if written[0][0] != b"VP8X" and pixels.shape[2] == 4 and not _is_clear(written[0][1]):
        # The encoder leaves out alpha where every pixel is opaque; the header of a file with alpha says so nevertheless.
        written.insert(0, (b"VP8X", _canvas(pixels)))
    body = b"".join(
        kind + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) & 1) for kind, payload in written
    )
    data = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    if lossy and settings.webp_quality is None and len(data) > len(original):
        before, after = len(original) / 1e6, len(data) / 1e6
        notes.append(f"lossy WebP written lossless: {before:.2g} → {after:.2g} MB (× {after / before:.2g})")
    if len(original) > _length(original):
        notes.append(f"{len(original) - _length(original)} bytes after the end of the WebP dropped")
    return Encoded(data, tuple(dict.fromkeys(notes)))


def _lossless(pixels: np.ndarray, size: int | None) -> bytes:
    """A file of its own; `size` bytes had the picture when it was lossless before."""
    image = image_of(pixels)
    best = b""
    for effort, quality in _EFFORTS:
        coded = bytes(image.webpsave_buffer(lossless=True, exact=True, effort=effort, Q=quality, keep="none"))
        if not best or len(coded) < len(best):
            best = coded
        if size is None or len(best) <= _LARGER * size:
            break
    return best


def _renewed(kind: bytes, payload: bytes, preview: Preview) -> Renewed:
    if kind == b"EXIF":
        return exif.renewed(payload, preview)
    return xmp.renewed(payload, preview) if kind == b"XMP " else Renewed(payload)


def _canvas(pixels: np.ndarray) -> bytes:
    sides = (int(pixels.shape[axis]) - 1 for axis in (1, 0))
    return struct.pack("<I", _ALPHA) + b"".join(side.to_bytes(3, "little") for side in sides)


def _is_clear(picture: bytes) -> bool:
    """Does a VP8L chunk say that it has alpha?"""
    return len(picture) >= 5 and picture[0] == 0x2F and bool(picture[4] & 0x10)


def _length(data: bytes) -> int:
    """Of the file, as its container says."""
    return 8 + int.from_bytes(data[4:8], "little")
