"""Metadata of a TIFF's first page: embedded pictures are made anew in place, what else shows the old picture goes."""

from tasks.errors import ItemError
from tasks.store.formats import tiff_directory as td
from tasks.store.formats.header import EndsEarly
from tasks.store.formats.tiff_directory import Directory, Entry
from tasks.store.formats.tiff_draft import Draft
from tasks.store.metadata import embedded_jpeg, photoshop, xmp
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Renewed, together

_XMP, _IPTC, _PHOTOSHOP, _LAYERS, _MAKER_NOTE, _C2PA = 700, 33723, 34377, 37724, 37500, 52545
_BYTES = (1, 2, 7)
_DROPPED = {
    _LAYERS: "Photoshop layers dropped",
    _C2PA: "content credentials (C2PA) dropped: they were for other pixels",
}
# Cloud-optimised GeoTIFF: the layout that GDAL wrote promises more than is true once a tile has moved.
_LAYOUT = b"GDAL_STRUCTURAL_METADATA_SIZE="
_KNOWN, _BROKEN = b"KNOWN_INCOMPATIBLE_EDITION=NO\n ", b"KNOWN_INCOMPATIBLE_EDITION=YES\n"


def renew(draft: Draft, directory: Directory, preview: Preview) -> tuple[str, ...]:
    """Metadata of the first page after its picture changed. Returns notes."""
    notes: list[tuple[str, ...]] = []
    for entry in directory.entries.values():
        if entry.tag in _DROPPED:
            draft.remove(directory, entry.tag)
            notes.append((_DROPPED[entry.tag],))
        elif entry.kind in _BYTES and entry.tag != td.ICC and entry.size > directory.inline:
            notes.append(_renew(draft, entry, len(directory.data), preview))
    for exif in _exif(directory):
        note = exif.entries.get(_MAKER_NOTE)
        notes += [_renew(draft, note, len(directory.data), preview)] if note and note.size > exif.inline else []
    _forget_layout(draft, directory)
    return together(*notes)


def _renew(draft: Draft, entry: Entry, end: int, preview: Preview) -> tuple[str, ...]:
    if entry.place + entry.size > end:
        return ()
    before = draft.read(entry.place, entry.size)
    after = _renewed(entry.tag, before, preview)
    if after.data != before:
        draft.write(entry.place, after.data)
    return after.notes


def _renewed(tag: int, blob: bytes, preview: Preview) -> Renewed:
    if tag == _XMP:
        return xmp.renewed(blob, preview)
    if tag == _PHOTOSHOP:
        return photoshop.renewed(blob, preview)
    names = {_IPTC: "preview in the IPTC data", _MAKER_NOTE: "preview in the maker note"}
    return embedded_jpeg.renewed(blob, preview, names.get(tag, f"preview in tag {tag}"))


def _exif(directory: Directory) -> list[Directory]:
    try:
        at = directory.integer(td.EXIF, 0)
        return [td.directory(directory.data, directory.order, directory.big, at)] if at else []
    except (EndsEarly, ItemError):
        return []


def _forget_layout(draft: Draft, directory: Directory) -> None:
    start = 16 if directory.big else 8
    head = draft.read(start, 512)
    if head.startswith(_LAYOUT) and (at := head.find(_KNOWN)) >= 0:
        draft.write(start + at, _BROKEN)
