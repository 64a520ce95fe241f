"""Application segments and comments of a JPEG: kept byte for byte, but for what still shows the picture as it was."""

from collections.abc import Iterable

from tasks.store.formats.jpeg_segments import APP0, APP1, APP2, APP11, APP15, COM, Segment
from tasks.store.metadata import app_segments, exif
from tasks.store.metadata.jpeg_stream import streams
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import together

_EXIF, _ICC, _MPF, _BOXES, _RATIO = b"Exif\0", b"ICC_PROFILE\0", b"MPF\0", b"JP", b"HDR_RI"
_GAIN_MAPS = (b"hdr-gain-map", b"hdrgainmap", b"urn:iso:std:iso:ts:21496", b'Item:Semantic="GainMap"')


def is_metadata(marker: int) -> bool:
    """Is it APPn or COM?"""
    return APP0 <= marker <= APP15 or marker == COM


def renewed(data: bytes, found: Iterable[Segment], preview: Preview) -> tuple[dict[Segment, bytes], tuple[str, ...]]:
    """APPn and COM segments as they are written, those that are dropped left out; and notes for the row.

    Lengths stay, so that offsets in the metadata stay true.
    """
    kept, notes = [], []
    for segment in found:
        if is_metadata(segment.marker):
            dropped = _dropped(segment.marker, segment.payload(data))
            if dropped:
                notes.append(dropped)
            else:
                kept.append(segment)
    made, said = app_segments.renewed([(s.marker, s.payload(data)) for s in kept], preview)
    heads = (data[s.start : s.start + 4] for s in kept)
    written = {s: head + payload for s, head, (_, payload) in zip(kept, heads, made, strict=True)}
    return written, together(said, notes)


def orientation(data: bytes, found: Iterable[Segment]) -> int:
    """EXIF's, 1 to 8."""
    for segment in found:
        if segment.marker == APP1 and data.startswith(_EXIF, segment.start + 4, segment.end):
            return exif.orientation(segment.payload(data)[6:])
    return 1


def icc(data: bytes, found: Iterable[Segment]) -> bytes | None:
    """The embedded profile (ICC.1, annex B.4), its parts joined; None where there is none or where parts are missing."""
    payloads = (s.payload(data) for s in found if s.marker == APP2)
    parts = sorted((p[12], p[13], p[14:]) for p in payloads if p.startswith(_ICC) and len(p) >= 14)
    if not parts or [p[0] for p in parts] != list(range(1, len(parts) + 1)) or {p[1] for p in parts} != {len(parts)}:
        return None
    return b"".join(p[2] for p in parts) or None


def appended(data: bytes, end: int, found: Iterable[Segment]) -> tuple[str, ...]:
    """What comes after the picture, which ends before byte `end`, and is dropped. Zeros need no words."""
    rest = data[end:]
    if not rest.strip(b"\0"):
        return ()
    pictures = sum(1 for _ in streams(rest))
    notes = []
    metadata = b"".join(s.payload(data) for s in found if is_metadata(s.marker))
    if pictures and any(sign in metadata or sign in rest for sign in _GAIN_MAPS):
        notes.append("gain map dropped")
        pictures -= 1
    if pictures:
        notes.append(f"{pictures} appended picture{'s' * (pictures > 1)} dropped")
    if b"ftyp" in rest:
        notes.append("appended video dropped")
    return tuple(notes) or (f"{len(rest)} bytes after the picture dropped",)


def _dropped(marker: int, payload: bytes) -> str | None:
    """What the row says of a segment that would no longer be true; None for one that stays."""
    # CIPA DC-007: where the appended pictures are.
    if marker == APP2 and payload.startswith(_MPF):
        return "list of appended pictures (MPF) dropped"
    # JPEG-HDR: what the picture is multiplied by.
    if marker == APP11 and payload.startswith(_RATIO):
        return "gain map dropped"
    # ISO/IEC 19566-5 (JUMBF), mostly C2PA; also the residuals of JPEG XT.
    if marker == APP11 and payload.startswith(_BOXES):
        return "content credentials (JUMBF) dropped: they are about the picture as it was"
    return None
