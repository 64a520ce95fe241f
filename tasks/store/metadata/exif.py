"""EXIF (a TIFF structure): its orientation, and its embedded pictures in place.

The thumbnail of IFD1, pictures of further directories, and previews in maker notes, which are found as the JPEG streams
that they are, because every maker keeps its own tags.
"""

from tasks.store.metadata import base64_run, jpeg_stream, thumbnail
from tasks.store.metadata.ifd import Directory, Structure
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Renewed, Tally, together
from tasks.store.metadata.span import Span, clear, gaps

_ORIENTATION = 0x0112
_SUB_DIRECTORIES = (0x014A, 0x8769, 0x8825, 0xA005)  # SubIFDs, Exif, GPS, interoperability
_PREFIX = b"Exif\0\0"
_MOST_SUB_DIRECTORIES = 16


def orientation(payload: bytes) -> int:
    """Orientation 1–8 of `payload`, a TIFF structure with or without "Exif\\0\\0" before it; 1 if it says none."""
    try:
        tiff = Structure(payload.removeprefix(_PREFIX))
    except ValueError:
        return 1
    for directory in tiff.chain()[:1]:
        found = tiff.integer(directory, _ORIENTATION, 1)
        return found if 1 <= found <= 8 else 1
    return 1


def renewed(payload: bytes, preview: Preview) -> Renewed:
    """`payload` with every embedded picture drawn anew at its size, or zeros; its length and all other tags stay.

    A thumbnail that cannot be drawn loses its directory too. Not for TIFF files, whose pictures are the picture itself.
    """
    prefix = _PREFIX if payload.startswith(_PREFIX) else b""
    blob = bytearray(payload[len(prefix) :])
    thumbnails, previews, texts = (
        Tally("EXIF thumbnail"),
        Tally("preview in the maker note"),
        Tally("EXIF text preview"),
    )
    done = _directories(blob, preview, thumbnails)
    for start, end in gaps(done, 0, len(blob)):
        jpeg_stream.redraw(blob, preview, previews, start, end)
    for run in base64_run.runs(bytes(blob)):
        run.redraw(blob, preview, texts)
    notes = together(thumbnails.notes, previews.notes, texts.notes)
    return Renewed(prefix + bytes(blob), notes) if notes else Renewed(payload)


def _directories(blob: bytearray, preview: Preview, tally: Tally) -> list[Span]:
    """Redraw what the directories point to. Returns where that was."""
    try:
        tiff = Structure(bytes(blob))
    except ValueError:
        return []
    chain = tiff.chain()
    known = [*chain, *_below(tiff, chain)]
    taken = {directory.start: _taken(directory) for directory in known}
    everything = [span for spans in taken.values() for span in spans]
    done: list[Span] = []
    kept = None
    for number, directory in enumerate(known):
        outcomes = thumbnail.redraw(blob, tiff, directory, preview, everything)
        for drawn, spans in outcomes:
            tally.count(drawn)
            done += spans if drawn else []
        if kept and number < len(chain) and not all(drawn for drawn, _ in outcomes):
            # The directory before it points past it now.
            blob[kept.link : kept.link + 4] = blob[directory.link : directory.link + 4] if directory.link else bytes(4)
            others = [span for start, spans in taken.items() if start != directory.start for span in spans]
            clear(blob, [(directory.start, directory.end)], others)
        else:
            kept = directory
    return done


def _below(tiff: Structure, above: list[Directory]) -> list[Directory]:
    """The directories that entries of `above`, and of what is found, point to."""
    found: list[Directory] = []
    known = {directory.start for directory in above}
    queue = list(above)
    while queue:
        parent = queue.pop(0)
        for at in (at for tag in _SUB_DIRECTORIES for at in tiff.integers(parent, tag)[:_MOST_SUB_DIRECTORIES]):
            if at in known or len(found) >= _MOST_SUB_DIRECTORIES or not (directory := tiff.directory(at)):
                continue
            known.add(at)
            found.append(directory)
            queue.append(directory)
    return found


def _taken(directory: Directory) -> list[Span]:
    """Its table and the values that lie outside it; the file's header, too."""
    values = ((e.values, e.values + e.size) for e in directory.entries.values() if e.size > 4)
    return [(0, 8), (directory.start, directory.end), *values]
