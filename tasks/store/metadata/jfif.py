"""JFIF and JFXX thumbnails (ECMA TR/98, clauses 10 and 11), in place."""

from tasks.store.metadata import embedded_jpeg, raw_rgb
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Renewed, Tally, together

_WHAT = "JFIF thumbnail"
_HEAD = 14  # "JFIF\0", version, units, densities, Xthumbnail, Ythumbnail
_EXTENSION = 6  # "JFXX\0", extension code
_JPEG, _PALETTE, _RGB = 0x10, 0x11, 0x13


def renewed(payload: bytes, preview: Preview) -> Renewed:
    """`payload` of an APP0 segment (without marker and length) with its thumbnail drawn anew or zeros; its length stays."""
    if payload.startswith(b"JFIF\0") and len(payload) >= _HEAD:
        return _raw(payload, preview, _HEAD, _RGB)
    if payload.startswith(b"JFXX\0") and len(payload) > _EXTENSION + 2 and payload[5] in (_PALETTE, _RGB):
        return _raw(payload, preview, _EXTENSION + 2, payload[5])
    return embedded_jpeg.renewed(payload, preview, _WHAT)


def _raw(payload: bytes, preview: Preview, start: int, kind: int) -> Renewed:
    """Pixels from byte `start` on, behind their width and height."""
    width, height = payload[start - 2], payload[start - 1]
    if not width * height:
        return embedded_jpeg.renewed(payload, preview, _WHAT)
    size = 768 + width * height if kind == _PALETTE else 3 * width * height
    tally = Tally(_WHAT)
    tally.count(start + size <= len(payload))
    if tally.dropped:
        # Part of a thumbnail is there: a thumbnail of 0 × 0 is what "none" looks like.
        return Renewed(payload[: start - 2].ljust(len(payload), b"\0"), tally.notes)
    pixels = (raw_rgb.palette if kind == _PALETTE else raw_rgb.rgb)(preview, width, height)
    rest = embedded_jpeg.renewed(payload[start + size :], preview, _WHAT)
    return Renewed(payload[:start] + pixels + rest.data, together(tally.notes, rest.notes))
