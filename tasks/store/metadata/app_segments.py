"""APPn and COM segments of a JPEG file, together: what is too long for one segment goes on in the next.

Joined before a picture is looked for, and split as they were: EXIF of several segments, extended XMP (XMP specification,
part 3, 1.1.3.1), Photoshop resources, and neighbouring segments of any other kind, in which some cameras' previews go on.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tasks.store.metadata import embedded_jpeg, exif, jfif, photoshop, xmp
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Renewed, together

_APP0, _APP1, _APP2, _APP13 = 0xE0, 0xE1, 0xE2, 0xED
_EXIF, _XMP, _PHOTOSHOP, _PROFILE = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0", b"ICC_PROFILE\0"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_GUID = slice(len(_EXTENSION), len(_EXTENSION) + 32)
_OFFSET = slice(len(_EXTENSION) + 36, len(_EXTENSION) + 40)  # after the full length

Segment = tuple[int, bytes]
Renew = Callable[[bytes, Preview], Renewed]


def renewed(segments: Sequence[Segment], preview: Preview) -> tuple[list[Segment], tuple[str, ...]]:
    """`segments` (marker; payload without marker and length) with every picture in them drawn anew or blanked; the notes.

    Their number, order and lengths stay. ICC profiles are not looked into. Where extended XMP changes, the digest by
    which the packet names it changes too.
    """
    payloads = [payload for _, payload in segments]
    notes: list[tuple[str, ...]] = []
    for group in _groups(segments):
        old = b"".join(payloads[i][group.start :] for i in group.members)
        made = group.renew(old, preview)
        notes.append(made.notes)
        at = 0
        for i in group.members:
            size = len(payloads[i]) - group.start
            payloads[i] = payloads[i][: group.start] + made.data[at : at + size]
            at += size
        if made.notes and group.start == _OFFSET.stop:
            _set_digest(payloads, group.members, old, made.data)
    return [(marker, payload) for (marker, _), payload in zip(segments, payloads, strict=True)], together(*notes)


@dataclass
class _Group:
    """Segments `members` whose payloads from byte `start` on belong together."""

    renew: Renew
    start: int = 0
    members: list[int] = field(default_factory=list)


def _groups(segments: Sequence[Segment]) -> list[_Group]:
    groups: dict[object, _Group] = {}
    exif_key = other_key = -1
    for i, (marker, payload) in enumerate(segments):
        key: object
        if marker == _APP2 and payload.startswith(_PROFILE):
            continue
        if marker == _APP0:
            key, group = i, _Group(jfif.renewed)
        elif marker == _APP1 and payload.startswith(_EXIF):
            # What does not begin as a TIFF structure goes on from before.
            exif_key = i if payload[6:10] in (b"II*\0", b"MM\0*") or exif_key < 0 else exif_key
            key, group = exif_key, _Group(exif.renewed, 6)
        elif marker == _APP1 and payload.startswith(_XMP):
            key, group = i, _Group(xmp.renewed, len(_XMP))
        elif marker == _APP1 and payload.startswith(_EXTENSION) and len(payload) >= _OFFSET.stop:
            key, group = payload[_GUID], _Group(xmp.renewed, _OFFSET.stop)
        elif marker == _APP13 and payload.startswith(_PHOTOSHOP):
            key, group = _PHOTOSHOP, _Group(photoshop.renewed, len(_PHOTOSHOP))
        else:
            neighbour = other_key >= 0 and groups[other_key].members[-1] == i - 1
            key = other_key = other_key if neighbour else i
            group = _Group(_other)
        groups.setdefault(key, group).members.append(i)
    for group in groups.values():
        if group.start == _OFFSET.stop:
            group.members.sort(key=lambda i: segments[i][1][_OFFSET])
    return list(groups.values())


def _other(payload: bytes, preview: Preview) -> Renewed:
    return embedded_jpeg.renewed(payload, preview, "preview in an application segment")


def _set_digest(payloads: list[bytes], members: Sequence[int], old: bytes, new: bytes) -> None:
    """In the extension's segments and in the packet (xmpNote:HasExtendedXMP), where it is a digest of what was there."""
    guid = payloads[members[0]][_GUID]
    if guid != _digest(old):
        return
    for i, payload in enumerate(payloads):
        if i in members or payload.startswith(_XMP):
            payloads[i] = payload.replace(guid, _digest(new))


def _digest(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).hexdigest().upper().encode()
