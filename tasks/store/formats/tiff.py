"""TIFF files (classic and Big): the same file but for the hole. Only the strips and tiles that the mask touches change."""

import numpy as np

from tasks.errors import ImageTruncated, ImageUnreadable, ItemError
from tasks.store.formats import tiff_directory as td
from tasks.store.formats import tiff_metadata, tiff_pages
from tasks.store.formats.encoded import Encoded
from tasks.store.formats.header import EndsEarly, Header, Probe
from tasks.store.formats.tiff_draft import Draft
from tasks.store.formats.tiff_kind import kind_of, reason
from tasks.store.formats.tiff_picture import Picture
from tasks.store.metadata.preview import Preview
from tasks.store.settings import OutputSettings


def probe(data: bytes) -> Probe:
    """Header of a TIFF file: that of its first page. Raises EndsEarly and ImageUnreadable."""
    pages = td.pages(data)
    first = pages[0].directory
    kind = kind_of(first)
    width, height = first.integer(td.WIDTH, 0), first.integer(td.HEIGHT, 0)
    orientation = first.integer(td.ORIENTATION, 1)
    header = Header(
        "tiff", width, height, kind.bits, kind.model, kind.alpha, orientation if 1 <= orientation <= 8 else 1
    )
    unsupported = reason(first) or tiff_pages.unwritable(pages)
    return Probe(header, unsupported, sum(not page.sub for page in pages))


def complete(data: bytes) -> bool:
    """Do all strips or tiles of the first page lie inside the file, none of them empty?"""
    try:
        found = td.first(data)
        tiled = td.TILE_OFFSETS in found.entries
        offsets = found.array(td.TILE_OFFSETS if tiled else td.STRIP_OFFSETS)
        sizes = found.array(td.TILE_BYTES if tiled else td.STRIP_BYTES)
    except (EndsEarly, ImageUnreadable):
        return False
    if not len(sizes):  # old writers left the sizes out; the decoder finds out
        return bool(len(offsets))
    count = min(len(offsets), len(sizes))
    offsets, sizes = offsets[:count], sizes[:count]
    inside = (offsets >= 0) & (sizes > 0) & (sizes <= len(data))
    return bool((inside & (offsets <= len(data) - np.minimum(sizes, len(data)))).all())


def icc(data: bytes) -> bytes | None:
    """The embedded colour profile of the first page, or None."""
    try:
        return td.first(data).blob(td.ICC) or None
    except (EndsEarly, ItemError):
        return None


def decode(data: bytes, header: Header) -> np.ndarray:
    """Pixels (H, W, C) of the first page, for any kind that `probe` supports, exact; NaN keep their bits.

    Raises ImageTruncated and ImageUnreadable.
    """
    if not complete(data):
        raise ImageTruncated("TIFF: strips or tiles are missing")
    try:
        return Picture(td.first(data)).decode()
    except EndsEarly:
        raise ImageTruncated("TIFF: the directory is cut off") from None


def encode(
    pixels: np.ndarray, original: bytes, mask: np.ndarray, preview: Preview, settings: OutputSettings
) -> Encoded:
    """`original` with the masked part of `pixels` (H, W, C) in its first page, and in whatever shows that page smaller.

    All other bytes stay where they are: other pages, tags, strips and tiles without a masked pixel. A chunk that does
    not fit its old place any more goes to another, and what was there is zeroed. Premultiplied colours are clipped to
    alpha. Raises ImageTruncated, ImageUnreadable (the file decodes to something else than `pixels` outside the mask) and
    ImageUnsupported (a copy of the picture that cannot be made anew; a classic TIFF of more than 4 GiB).
    """
    if not mask.any():
        return Encoded(original)
    try:
        pages = td.pages(original)
        first = Picture(pages[0].directory)
        draft = Draft(original, pages)
        _, said = first.rewrite(draft, pixels, mask)
        copies = tiff_pages.renew(draft, pages, first, pixels, mask, preview)
        metadata = tiff_metadata.renew(draft, pages[0].directory, preview)
    except EndsEarly:
        raise ImageTruncated("TIFF: the directory is cut off") from None
    return Encoded(draft.finish(), tuple(dict.fromkeys((*said, *copies, *metadata))))
