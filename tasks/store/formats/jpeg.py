"""JPEG files: the header, and an encoder that changes the blocks that the mask touches and nothing else.

What is written is the original's segments in their order: metadata (jpeg_metadata), quantisation tables, frame, restart
intervals and scan headers byte for byte; only Huffman tables and entropy-coded data are new (jpeg_encode).
"""

import numpy as np

from tasks.errors import ImageTruncated, ImageUnreadable, ImageUnsupported
from tasks.store.formats import jpeg_colour, jpeg_encode, jpeg_metadata
from tasks.store.formats.encoded import Encoded
from tasks.store.formats.header import EndsEarly, Header, Model, Probe
from tasks.store.formats.jpeg_coefficients import read
from tasks.store.formats.jpeg_frame import CODINGS, Frame, frame, quantisation_tables
from tasks.store.formats.jpeg_metadata import is_metadata
from tasks.store.formats.jpeg_scans import Scan, plain, scans
from tasks.store.formats.jpeg_scans import complete as complete_script
from tasks.store.formats.jpeg_segments import DAC, DHT, SOS, Segment, header_segments, segments
from tasks.store.formats.jpeg_splice import splice
from tasks.store.metadata.preview import Preview
from tasks.store.settings import OutputSettings

_REMADE = "scans made anew: those of the original do not carry every bit"
_MODELS: dict[int, Model] = {1: "grey", 3: "rgb", 4: "cmyk"}


def probe(data: bytes) -> Probe:
    """Header of a JPEG file. Raises EndsEarly and ImageUnreadable."""
    found = frame(data)
    model = _MODELS.get(len(found.components), "rgb")
    turned = jpeg_metadata.orientation(data, header_segments(data))
    header = Header("jpeg", found.width, found.height or 1, found.precision, model, orientation=turned)
    return Probe(header, _unsupported(found))


def _unsupported(found: Frame) -> str | None:
    if found.marker not in CODINGS:
        return "lossless, hierarchical or arithmetic-coded JPEG"
    if found.precision != 8:
        return f"JPEG of {found.precision} bits"
    if found.height == 0:
        return "JPEG whose height comes after its first scan (DNL)"
    if len(found.components) not in _MODELS:
        return f"JPEG of {len(found.components)} components"
    if not found.divisible:
        return "JPEG whose sampling factors do not divide each other"
    return None


def complete(data: bytes) -> bool:
    """Is there an end-of-image marker after the first scan began?"""
    try:
        *_, scan = header_segments(data)
    except (EndsEarly, ImageUnreadable):
        return False
    return data.find(b"\xff\xd9", scan.end) >= 0


def icc(data: bytes) -> bytes | None:
    """The embedded colour profile, or None."""
    try:
        return jpeg_metadata.icc(data, list(header_segments(data)))
    except (EndsEarly, ImageUnreadable):
        return None


def encode(
    pixels: np.ndarray, original: bytes, mask: np.ndarray, preview: Preview, settings: OutputSettings
) -> Encoded:
    """`original` with (H, W, C) uint8 `pixels`, C 1, 3 or 4, in the blocks that hold a pixel of `mask` (H, W) bool.

    All other blocks keep their coefficients bit for bit; the touched ones are coded with the original's quantisation
    tables and sampling. With `settings.jpeg_splice` false every block is coded anew. Metadata segments are kept byte for
    byte, but for embedded pictures, which are drawn anew or dropped, and what comes after the picture: the notes say so.
    Raises ImageTruncated, ImageUnreadable and ImageUnsupported for originals that no decoder takes either.
    """
    try:
        found, end = segments(original)
        shape = frame(original)
    except EndsEarly:
        raise ImageTruncated("JPEG: no end-of-image marker") from None
    if reason := _unsupported(shape):
        raise ImageUnsupported(reason)
    script = scans(original, found, shape)
    tables = quantisation_tables(original, found, shape)
    remade = not complete_script(script, shape)
    if remade and not np.array_equal(tables, quantisation_tables(original, _scans_last(found), shape)):
        raise ImageUnsupported("JPEG whose scans are incomplete and have tables of their own")
    planes = read(original, found, shape)
    colours = jpeg_colour.samples(jpeg_colour.coding(original, found, shape))
    area = mask if settings.jpeg_splice else np.ones_like(mask)
    splice(planes, shape, tables, colours, pixels, area)
    kept, notes = jpeg_metadata.renewed(original, found, preview)
    said = (*notes, *jpeg_metadata.appended(original, end, found), *([_REMADE] if remade else []))
    script = plain(shape, script[-1].restart) if remade else script
    return Encoded(_assembled(original, found, shape, script, planes, kept, anew=remade), tuple(dict.fromkeys(said)))


def blocks(data: bytes) -> tuple[Frame, list[np.ndarray]]:
    """The frame of a JPEG that `encode` takes, and its components' coefficients, (rows, columns, 64) int16 each."""
    shape = frame(data)
    return shape, read(data, segments(data)[0], shape)


def with_blocks(data: bytes, planes: list[np.ndarray]) -> bytes:
    """A JPEG that `encode` wrote, with other coefficients (see `blocks`) and all else as it is."""
    found, _ = segments(data)
    shape = frame(data)
    metadata = {s: data[s.start : s.end] for s in found if is_metadata(s.marker)}
    return _assembled(data, found, shape, scans(data, found, shape), planes, metadata)


def _assembled(
    data: bytes,
    found: list[Segment],
    shape: Frame,
    script: list[Scan],
    planes: list[np.ndarray],
    kept: dict[Segment, bytes],
    *,
    anew: bool = False,
) -> bytes:
    """The tables of `data`, of its metadata what is `kept`, and `planes` in the scans of `script`: its own, or `anew`."""
    kept = kept | {
        s: data[s.start : s.end] for s in found if not (is_metadata(s.marker) or s.marker in (DHT, DAC, SOS))
    }
    starts = [s for s in found if s.marker == SOS]
    if anew:
        # After the tables and restart intervals of all scans, which hold for every one now.
        kept[starts[-1]] = b"".join(_scan(planes, shape, scan, scan.header(shape)) for scan in script)
    else:
        for start, scan in zip(starts, script, strict=True):
            kept[start] = _scan(planes, shape, scan, data[start.start : start.end])
    return b"".join((b"\xff\xd8", *(kept[s] for s in found if s in kept), b"\xff\xd9"))


def _scan(planes: list[np.ndarray], shape: Frame, scan: Scan, header: bytes) -> bytes:
    """A scan behind the Huffman tables that it needs."""
    tables, data = jpeg_encode.encode(planes, shape, scan)
    return tables + header + data


def _scans_last(found: list[Segment]) -> list[Segment]:
    return sorted(found, key=lambda s: s.marker == SOS)
