"""Photoshop image resources (Adobe Photoshop File Formats Specification, "Image Resources"): thumbnails in place."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.store.metadata import embedded_jpeg, exif, raw_rgb, xmp
from tasks.store.metadata.jpeg_stream import drawn_for, stream_at
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Renewed, Tally, together
from tasks.store.metadata.span import gaps

_PREFIX = b"Photoshop 3.0\0"
_SIGNATURES = (b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR")
# In thumbnails of Photoshop 4 blue and red are exchanged.
_THUMBNAIL_4, _THUMBNAIL, _IPTC, _EXIF, _EXIF_3, _XMP = 1033, 1036, 1028, 1058, 1059, 1060
_HEADER = struct.Struct(">6I2H")  # format, width, height, bytes a row, total size, size compressed, bits, planes
_RAW = 0
_PREVIEW = "Photoshop preview"


@dataclass(frozen=True)
class _Resource:
    """Its data are bytes `start` to `end`, to the end of all bytes where they are cut off."""

    number: int
    start: int
    end: int


def renewed(resources: bytes, preview: Preview) -> Renewed:
    """`resources` with every picture in them drawn anew or zeros; their length stays.

    With or without the "Photoshop 3.0\\0" of a JPEG segment. Of several segments, join what comes after that: a resource
    may go on in the next. IPTC, EXIF and XMP in resources are looked through as well.
    """
    blob, notes, done = bytearray(resources), [], []
    start = len(_PREFIX) if resources.startswith(_PREFIX) else 0
    for resource in _resources(resources, start):
        part = _part(resource.number, resources[resource.start : resource.end], preview)
        if part.notes:
            blob[resource.start : resource.end] = part.data
            notes.append(part.notes)
            done.append((resource.start, resource.end))
    # What is no resource, or lies across two: their lengths may be wrong.
    for start, end in gaps(done, 0, len(blob)):
        rest = embedded_jpeg.renewed(resources[start:end], preview, _PREVIEW)
        blob[start:end] = rest.data
        notes.append(rest.notes)
    said = together(*notes)
    return Renewed(bytes(blob), said) if said else Renewed(resources)


def _resources(blob: bytes, at: int) -> Iterator[_Resource]:
    """Those from byte `at` on, up to the first that is none."""
    while blob[at : at + 4] in _SIGNATURES and at + 12 <= len(blob):
        (number,) = struct.unpack_from(">H", blob, at + 4)
        # A name is a length and that many letters, together an even number of bytes.
        size_at = at + 6 + (blob[at + 6] + 2) // 2 * 2
        if size_at + 4 > len(blob):
            return
        (size,) = struct.unpack_from(">I", blob, size_at)
        start, end = size_at + 4, min(size_at + 4 + size, len(blob))
        yield _Resource(number, start, end)
        at = end + size % 2


def _part(number: int, data: bytes, preview: Preview) -> Renewed:
    """The data of one resource."""
    if number in (_THUMBNAIL, _THUMBNAIL_4) and any(data[_HEADER.size :]):
        return _thumbnail(data, preview, number == _THUMBNAIL_4)
    if number in (_EXIF, _EXIF_3):
        return exif.renewed(data, preview)
    if number == _XMP:
        return xmp.renewed(data, preview)
    return embedded_jpeg.renewed(data, preview, "preview in the IPTC data" if number == _IPTC else _PREVIEW)


def _thumbnail(data: bytes, preview: Preview, reverse: bool) -> Renewed:
    kind, width, height, row_bytes, total, _, bits, planes = _HEADER.unpack_from(data)
    room, drawn = len(data) - _HEADER.size, b""
    stream = stream_at(data, _HEADER.size)
    if stream:
        drawn = drawn_for(stream, preview, reverse)
    elif kind == _RAW and bits == 24 and 0 < 3 * width <= row_bytes and 0 < row_bytes * height <= room:
        drawn = raw_rgb.rgb(preview, width, height, row_bytes, reverse)
    tally = Tally("Photoshop thumbnail")
    tally.count(bool(drawn))
    sizes = (width, height, row_bytes, total, len(drawn)) if drawn else (0, 0, 0, 0, 0)
    return Renewed(_HEADER.pack(kind, *sizes, bits, planes) + drawn.ljust(room, b"\0"), tally.notes)
