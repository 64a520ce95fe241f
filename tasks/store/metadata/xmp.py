"""XMP packets (ISO 16684-1): pictures in base64, in place.

`xmp:Thumbnails` (xmpGImg:image), GImage:Data and whatever else begins as a JPEG are drawn anew; images of other formats,
and depth maps, of which a drawing of the result would make no sense, are blanked. All other text stays byte for byte.
"""

import re

import numpy as np

from tasks.store.metadata import base64_run
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Renewed, Tally, together

_BOMS = ((b"\xff\xfe\0\0", 4, 0), (b"\0\0\xfe\xff", 4, 3), (b"\xff\xfe", 2, 0), (b"\xfe\xff", 2, 1))
_STARTS = re.compile(rb"<\0\0\0[?x]\0\0\0|\0\0\0<\0\0\0[?x]|<\0[?x]\0|\0<\0[?x]")
_WINDOW = 512  # bytes before a value in which its name is looked for
_NAME = re.compile(rb"""[<\s](?:([\w.-]{1,64}):)?([\w.-]{1,64})(?:\s*=\s*["']|(?:\s[^<>]*)?>)[^<>"']*\Z""")
_DEPTH = re.compile(rb"depth|confidence", re.IGNORECASE)


def renewed(packet: bytes, preview: Preview) -> Renewed:
    """`packet` with every picture in it drawn anew or blanked; its length stays.

    UTF-8, 16 or 32, with or without its wrapper; any other text, or part of a packet, will do.
    """
    width, low = _encoding(packet)
    characters = np.frombuffer(packet, np.uint8, len(packet) // width * width).reshape(-1, width).copy()
    # One byte a character; what is not ASCII is no part of any base64.
    wide = np.delete(characters, low, axis=1).any(axis=1)
    before = np.where(wide, np.uint8(0x80), characters[:, low]).tobytes()
    text, notes = _renewed(before, preview)
    if not notes:
        return Renewed(packet)
    characters[~wide, low] = np.frombuffer(text, np.uint8)[~wide]
    return Renewed(characters.tobytes() + packet[characters.size :], notes)


def _renewed(packet: bytes, preview: Preview) -> tuple[bytes, tuple[str, ...]]:
    text = bytearray(packet)
    thumbnails, depths = Tally("XMP thumbnail"), Tally("XMP depth map")
    for run in base64_run.runs(packet):
        if run.is_picture and _is_depth(packet, run.start):
            run.blank(text, depths)
        else:
            run.redraw(text, preview, thumbnails)
    return bytes(text), together(thumbnails.notes, depths.notes)


def _encoding(packet: bytes) -> tuple[int, int]:
    """Bytes a character, and which of them is the low one."""
    for bom, width, low in _BOMS:
        if packet.startswith(bom):
            return width, low
    found = _STARTS.search(packet, 0, 4096)
    if not found:
        return 1, 0
    width = len(found[0]) // 2
    low = found[0].index(b"<")
    return (width, low) if found.start() % width == 0 else (1, 0)


def _is_depth(packet: bytes, start: int) -> bool:
    """Does the property whose value is at `start` hold depths: by its own name, or its namespace's?"""
    found = _NAME.search(packet, max(0, start - _WINDOW), start)
    if not found:
        return False
    prefix, name = found.groups()
    declared = re.search(rb"xmlns:" + re.escape(prefix or b":") + rb"""\s*=\s*["']([^"'<>]{0,200})""", packet)
    return bool(_DEPTH.search(name) or (declared and _DEPTH.search(declared[1])))
