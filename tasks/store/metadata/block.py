"""A block of metadata of a kind that only its first bytes tell."""

from tasks.store.metadata import embedded_jpeg, exif, photoshop, xmp
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Renewed

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXIF = (b"Exif\0\0", b"II*\0", b"MM\0*")
_PHOTOSHOP = (b"Photoshop 3.0\0", b"8BIM")


def renewed(block: bytes, preview: Preview, what: str) -> Renewed:
    """EXIF, XMP, Photoshop resources or anything else, with every picture in it drawn anew or blanked; its length stays.

    `what` names, in the notes, a picture in anything else.
    """
    if block.startswith(_EXIF):
        return exif.renewed(block, preview)
    if block.startswith(_XMP):
        made = xmp.renewed(block[len(_XMP) :], preview)
        return Renewed(_XMP + made.data, made.notes)
    if block.startswith(_PHOTOSHOP):
        return photoshop.renewed(block, preview)
    return embedded_jpeg.renewed(block, preview, what)
