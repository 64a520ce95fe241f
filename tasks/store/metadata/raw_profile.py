"""Metadata as hexadecimal text: "Raw profile type exif" and the like in PNG text chunks (ImageMagick, older exiftool).

The text is a line break, a name, a line break, the length in decimal, a line break, and 72 digits a line.
"""

import re

from tasks.store.metadata import block
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Renewed

_TEXT = re.compile(rb"\n?[^\n]{1,80}\n *\d{1,10}\n(?=[0-9A-Fa-f])")
_DIGITS = re.compile(rb"[0-9A-Fa-f]++")


def renewed(text: bytes, preview: Preview) -> Renewed:
    """`text` of such a chunk with every picture in it drawn anew or blanked; its length stays."""
    head = _TEXT.match(text)
    if not head:
        return Renewed(text)
    parts = [found.span() for found in _DIGITS.finditer(text, head.end())]
    digits = b"".join(text[start:end] for start, end in parts)
    made = block.renewed(bytes.fromhex(digits[: len(digits) // 2 * 2].decode()), preview, "preview in a raw profile")
    if not made.notes:
        return Renewed(text)
    new, at, changed = made.data.hex().encode().ljust(len(digits), b"0"), 0, bytearray(text)
    for start, end in parts:
        changed[start:end] = new[at : at + end - start]
        at += end - start
    return Renewed(bytes(changed), made.notes)
