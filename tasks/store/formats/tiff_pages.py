"""The other pages of a TIFF: copies of the picture are made anew where the mask touches them, all others are kept."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.errors import ImageUnsupported
from tasks.store.formats import tiff_directory as td
from tasks.store.formats.tiff_directory import Page
from tasks.store.formats.tiff_draft import Draft
from tasks.store.formats.tiff_kind import Kind, reason
from tasks.store.formats.tiff_likeness import Likeness
from tasks.store.formats.tiff_picture import Picture
from tasks.store.formats.tiff_reduced import projected, renewed
from tasks.store.metadata.jpeg_stream import drawn_for, stream_at
from tasks.store.metadata.preview import Preview

Samples = NDArray[np.generic]
Mask = NDArray[np.bool_]

_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_OLD_REDUCED, _MASK_PHOTOMETRIC = 2, 4
_SMALLER, _LARGER = 0.9, 1.1
_THUMBNAIL = 640  # pixels along the longer side, at most, of a JPEG that is the first page's thumbnail


@dataclass(frozen=True)
class _Level:
    """A picture as it is now, and which of its samples saw what the mask names."""

    pixels: Samples
    touched: Mask
    kind: Kind


def unwritable(pages: list[Page]) -> str | None:
    """Why a page that says it is a copy of the first cannot be made anew, or None. Raises EndsEarly, ImageUnreadable."""
    if _is_reduced(pages[0]) and any(_larger(pages[0], page) for page in pages[1:]):
        return "TIFF whose first page is a reduced copy of another"
    for page, owned in _owned(pages):
        if owned and _is_reduced(page) and not _has_thumbnail(page) and (why := reason(page.directory)):
            return f"{_name(page)}, a reduced copy of the picture, is a {why}"
    return None


def renew(
    draft: Draft, pages: list[Page], first: Picture, pixels: Samples, mask: Mask, preview: Preview
) -> tuple[str, ...]:
    """Make all copies of the first page anew from `pixels` (H, W, C). Returns notes.

    Raises ImageUnsupported (a copy that cannot be made anew) and as `Picture` does.
    """
    likeness = Likeness(first, pixels, mask)
    copies: list[Picture] = []
    kept: list[Page] = []
    thumbnails = 0
    if _has_thumbnail(pages[0]):
        thumbnails += _redraw(draft, pages[0], preview)
    for page, owned in _owned(pages):
        if owned and _has_thumbnail(page):
            thumbnails += _redraw(draft, page, preview)
        elif copy := _copy(page, owned, likeness):
            copies.append(copy)
        else:
            kept.append(page)
    levels = [_Level(pixels, mask, first.kind)]
    said: list[str] = []
    made = 0
    for copy in sorted(copies, key=lambda c: -c.size[0] * c.size[1]):
        changed, notes = _renew(draft, copy, levels, preview)
        made += changed
        said += notes
    counts = {"reduced page": made, "JPEG thumbnail": thumbnails}
    anew = [f"{n} {what}{'s' if n > 1 else ''} made anew" for what, n in counts.items() if n]
    return (*anew, *dict.fromkeys(said), *_kept_notes(kept))


def _owned(pages: list[Page]) -> Iterator[tuple[Page, bool]]:
    """All but the first, and whether each belongs to the first: a SubIFD of it, or a reduced page right behind it."""
    first = True
    for page in pages[1:]:
        if not page.sub and not _is_reduced(page) and not _is_mask(page) and not _has_thumbnail(page):
            first = False
        yield page, first or page.number == 0


def _copy(page: Page, owned: bool, likeness: Likeness) -> Picture | None:
    """The page's picture, if it shows what the first shows."""
    directory = page.directory
    if _is_mask(page):
        return None
    why = reason(directory)
    claims = owned and _is_reduced(page)
    width, height = directory.integer(td.WIDTH, 0), directory.integer(td.HEIGHT, 0)
    ratio = width / likeness.first.layout.width
    if not likeness.shape_of(height, width):
        if claims:
            raise ImageUnsupported(f"TIFF: {_name(page)} says that it is a reduced copy, but its shape is another")
        return None
    same_size = (height, width) == likeness.first.size
    if not claims and not same_size and _SMALLER < ratio < _LARGER:
        return None
    if why:
        if claims or (not same_size and _undecodable_shows(page, likeness)):
            raise ImageUnsupported(f"TIFF: {_name(page)} shows the picture, and is a {why}")
        return None
    picture = Picture(directory)
    if same_size and not claims:
        return picture if likeness.equals(picture) else None
    if ratio >= _LARGER and likeness.shows(picture):
        raise ImageUnsupported(f"TIFF: {_name(page)} shows the picture larger than the first page")
    return picture if claims or (ratio <= _SMALLER and likeness.shows(picture)) else None


def _undecodable_shows(page: Page, likeness: Likeness) -> bool:
    if page.sub:
        return True
    return likeness.shown_by_page(page.directory.data, page.number) is not False


def _renew(draft: Draft, copy: Picture, levels: list[_Level], preview: Preview) -> tuple[bool, tuple[str, ...]]:
    """Make a copy anew from the smallest level of its kind, or from the preview, and add it to the levels."""
    alike = [level for level in levels if _same_kind(level.kind, copy.kind)]
    before = copy.decode()
    touched = projected((alike or levels)[-1].touched, copy.size)
    if alike:
        after, new = renewed(before, alike[-1].pixels, touched)
    else:
        drawn = _drawn(copy, preview)
        after, new = renewed(before, np.concatenate([drawn, before[:, :, drawn.shape[2] :]], axis=2), touched)
    levels.append(_Level(after, touched, copy.kind))
    return copy.rewrite(draft, after, new)


def _drawn(copy: Picture, preview: Preview) -> Samples:
    """The result at the size of a copy of another kind, colours only, in its samples."""
    kind = copy.kind
    if kind.model == "cmyk" or kind.dtype.kind == "f" or kind.associated:
        raise ImageUnsupported(
            f"TIFF: a reduced copy of another kind than the picture ({kind.model}, {kind.bits} bits)"
        )
    drawn = preview.draw(copy.size[1], copy.size[0])
    if kind.model == "grey":
        drawn = np.asarray(cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY), np.uint8)[:, :, None]
    return drawn if kind.bits == 8 else drawn.astype(np.uint16) * np.uint16(257)


def _same_kind(one: Kind, other: Kind) -> bool:
    """Do the same numbers mean the same, as seen?"""
    return (one.model, one.bits, one.alpha, one.associated) == (other.model, other.bits, other.alpha, other.associated)


def _redraw(draft: Draft, page: Page, preview: Preview) -> bool:
    """Draw a JPEG thumbnail (TIFF 6.0, section 22) again, in its place."""
    at, blob = _thumbnail(page)
    stream = stream_at(blob, 0)
    drawn = drawn_for(stream, preview) if stream else b""
    directory = page.directory
    entry = directory.entries[td.JPEG_BYTES]
    if not drawn or len(drawn) >> 8 * td.SIZES[entry.kind]:
        raise ImageUnsupported(f"TIFF: the JPEG thumbnail of {_name(page)} cannot be made anew")
    draft.write(at, drawn.ljust(len(blob), b"\0"))
    draft.write(entry.place, len(drawn).to_bytes(td.SIZES[entry.kind], "little" if directory.order == "<" else "big"))
    return True


def _thumbnail(page: Page) -> tuple[int, bytes]:
    """Where the directory says that there is a JPEG stream, and its bytes."""
    at, size = (page.directory.integer(tag, 0) for tag in (td.JPEG, td.JPEG_BYTES))
    return at, page.directory.data[at : at + size] if at >= 8 and size > 0 else b""


def _has_thumbnail(page: Page) -> bool:
    _, blob = _thumbnail(page)
    stream = stream_at(blob, 0)
    return bool(blob) and (stream is None or max(stream.width, stream.height) <= _THUMBNAIL)


def _is_reduced(page: Page) -> bool:
    directory = page.directory
    said = directory.integer(td.SUBFILE, 0)
    return bool(said & _REDUCED) or directory.integer(td.OLD_SUBFILE, 0) == _OLD_REDUCED


def _is_mask(page: Page) -> bool:
    directory = page.directory
    return bool(directory.integer(td.SUBFILE, 0) & _MASK) or directory.integer(td.PHOTOMETRIC, 1) == _MASK_PHOTOMETRIC


def _larger(page: Page, other: Page) -> bool:
    sizes = [p.directory.integer(td.WIDTH, 0) * p.directory.integer(td.HEIGHT, 0) for p in (page, other)]
    return sizes[1] > sizes[0]


def _name(page: Page) -> str:
    return f"a sub-image of page {page.number + 1}" if page.sub else f"page {page.number + 1}"


def _kept_notes(kept: list[Page]) -> Iterator[str]:
    numbers = [page.number + 1 for page in kept if not page.sub]
    subs = sum(page.sub for page in kept)
    if numbers:
        runs: list[list[int]] = []
        for number in numbers:
            if runs and number == runs[-1][-1] + 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        named = ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
        yield f"page{'s' if len(numbers) > 1 else ''} {named} kept as {'they were' if len(numbers) > 1 else 'it was'}"
    if subs:
        yield f"{subs} sub-image{'s' if subs > 1 else ''} kept as {'they were' if subs > 1 else 'it was'}"
