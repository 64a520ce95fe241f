"""What PNG chunks carry beside the picture, kept after the picture has changed: byte for byte, but for embedded pictures."""

import zlib
from dataclasses import dataclass

from tasks.store.formats.png_chunks import chunk, first, inflated
from tasks.store.metadata import embedded_jpeg, exif, raw_profile, xmp
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Renewed

_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_XMP, _RAW = b"XML:com.adobe.xmp", b"Raw profile type "  # the latter by ImageMagick

# Kinds that say "not safe to copy" (§5.4: the last letter is a capital) and are still true after pixels changed.
_LASTING = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI mDCv cLLi bKGD hIST sPLT tIME pCAL sCAL sTER orNT".split()
)
_NAMES = {
    b"caBX": "content credentials (C2PA)",
    b"dSIG": "digital signature",
    b"gmAP": "gain map",
    b"gdAT": "gain map",
    b"iDOT": "Apple's table of parallel decoding (iDOT)",
    b"msOG": "embedded GIF (msOG)",
    b"prVW": "Fireworks preview",
    **dict.fromkeys((b"mkBF", b"mkBS", b"mkBT", b"mkTS"), "Fireworks source"),
}


def renewed(data: bytes, kind: bytes, start: int, end: int, preview: Preview) -> Renewed:
    """The chunk data[start:end], with every picture in its EXIF, XMP or Photoshop resources made anew; empty: dropped.

    Dropped are kinds that depend on the old pixels: those that the specification forbids to copy unless one knows better
    (§14.2), content credentials and further pictures among them. What cannot be read stays as it is.
    """
    if kind[3:] < b"a" and kind not in _LASTING:
        name = _NAMES.get(kind, f"chunk {kind.decode('ascii', 'replace')}, which depends on the old pixels,")
        return Renewed(b"", (f"{name} dropped",))
    payload = data[start + 8 : end - 4]
    done = Renewed(payload)
    if kind == b"eXIf":
        done = exif.renewed(payload, preview)
    elif kind in _TEXTS:
        done = _text_renewed(kind, payload, preview)
    return Renewed(chunk(kind, done.data) if done.notes else data[start:end], done.notes)


def orientation(data: bytes) -> int:
    """EXIF's orientation 1–8 from the eXIf chunk; 1 where there is none."""
    payload = first(data, b"eXIf")
    return exif.orientation(payload) if payload else 1


def icc(data: bytes) -> bytes | None:
    """The profile of the iCCP chunk (§11.3.2.3); None where there is none, or none that can be read."""
    payload = first(data, b"iCCP") or b""
    name, _, rest = payload.partition(b"\0")
    return inflated(rest[1:]) or None if name and rest[:1] == b"\0" else None


@dataclass(frozen=True)
class _Text:
    """A text chunk: all before the text proper, the text, and whether it is compressed."""

    head: bytes
    text: bytes
    compressed: bool

    def with_text(self, text: bytes) -> bytes:
        return self.head + (zlib.compress(text) if self.compressed else text)


def _text(kind: bytes, payload: bytes) -> _Text | None:
    """§11.3.3: keyword, in zTXt a method, in iTXt a flag, a method, a language and a translated keyword; then the text."""
    at = payload.find(b"\0") + 1
    if at == 0:
        return None
    compressed = kind == b"zTXt"
    if kind == b"zTXt":
        at += 1
    elif kind == b"iTXt":
        compressed = payload[at : at + 1] == b"\1"
        at = payload.find(b"\0", at + 2) + 1
        at = payload.find(b"\0", at) + 1 if at else 0
        if at == 0:
            return None
    text = inflated(payload[at:]) if compressed else payload[at:]
    return None if text is None else _Text(payload[:at], text, compressed)


def _text_renewed(kind: bytes, payload: bytes, preview: Preview) -> Renewed:
    keyword = payload[:80].partition(b"\0")[0]
    found = _text(kind, payload)
    if found is None:
        return Renewed(payload)
    if keyword == _XMP:
        done = xmp.renewed(found.text, preview)
    elif keyword.startswith(_RAW):
        done = raw_profile.renewed(found.text, preview)
    else:
        done = embedded_jpeg.renewed(found.text, preview, "picture in a text chunk")
    return Renewed(found.with_text(done.data) if done.notes else payload, done.notes)
