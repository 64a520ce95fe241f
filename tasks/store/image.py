"""Image files to arrays and back, in the original's own format.

Only JPEG, PNG, TIFF and WebP are ever reached, and the first bytes decide which, not the name. Headers are read by one
file per format (`formats/jpeg.py`, `png.py`, `tiff.py`, `webp.py`); libvips decodes, TIFF excepted, whose strips and tiles
are decoded one by one because they are written one by one.

What comes back is the original file with another picture in the hole. What that cannot be done with is refused with
ImageUnsupported and the reason: animations; arithmetic, lossless and 12-bit JPEG; Lab, YCbCr and lossy TIFF; samples of
1, 2, 4, 32 (integers) or 64 bits in TIFF.
"""

import re
from types import ModuleType
from typing import Any

import numpy as np

from tasks.errors import ImageTruncated, ImageUnreadable, ImageUnsupported, ItemError, MaskUnreadable
from tasks.fill.colour import Colour
from tasks.store.colour import colour_of
from tasks.store.formats import jpeg, png, tiff, webp
from tasks.store.formats.encoded import Encoded
from tasks.store.formats.header import EndsEarly, Header, Probe, check_size, sniff
from tasks.store.formats.vips import library, pixels_of
from tasks.store.metadata.preview import Preview
from tasks.store.settings import OutputSettings

__all__ = ["Encoded", "Header", "decode", "decode_mask", "encode", "read_header"]

_FORMATS: dict[str, ModuleType] = {"jpeg": jpeg, "png": png, "tiff": tiff, "webp": webp}

# The one warning of libjpeg after which every pixel is known to be there, when the bytes are zeros: some cameras pad the
# file before its end marker. libvips stops at the first warning, and nothing comes after that marker.
_PADDING = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_MISSING = ("premature end", "not enough", "Not enough")
_STRIP = 1 << 18  # pixels whose luminance is computed at a time


def read_header(data: bytes, max_mp: float) -> Header:
    """Format and size of an image file, without decoding a pixel.

    Raises ImageEmpty, ImageUnreadable, ImageTruncated (the header itself is cut off), ImageTooLarge (more than `max_mp`
    megapixels) and ImageUnsupported (the reason in the message).
    """
    probe = _probe(data)
    check_size(probe.header, max_mp)
    if probe.unsupported:
        raise ImageUnsupported(f"{probe.unsupported}: it would not come back as it was")
    return probe.header


def decode(data: bytes, header: Header) -> np.ndarray:
    """Pixels (H, W, C) of `header.dtype`, as stored: not rotated, no colour conversion.

    Raises ImageTruncated (pixels are missing: never half a picture) and ImageUnreadable (damaged in another way).
    """
    pixels: np.ndarray = tiff.decode(data, header) if header.format == "tiff" else _load(data, header.format)
    expected = (header.height, header.width, header.channels), header.dtype
    if (pixels.shape, pixels.dtype) != expected:
        raise ImageUnreadable(f"decodes to {pixels.shape} {pixels.dtype}, the header says {expected[0]} {expected[1]}")
    return pixels


def encode(
    pixels: np.ndarray,
    original: bytes,
    mask: np.ndarray | None = None,
    settings: OutputSettings | None = None,
    colour: Colour | None = None,
) -> Encoded:
    """`original` with other pixels: (H, W, C) of the original's size, channels and dtype.

    `mask` (H, W) bool: outside it `pixels` equals the decoded original (None: anything may have changed). Format, size,
    depth, channels, compression and metadata stay as they were; what cannot is said in the notes. PNG, TIFF and WebP
    decode to exactly `pixels`, but for the masked part of palettes, of less than 8 bits and of a WebP written lossy; JPEG
    blocks without a masked pixel keep their coefficients. `colour` is what thumbnails are drawn by.
    Raises ValueError for pixels that do not fit.
    """
    header = _probe(original).header
    if pixels.shape != (header.height, header.width, header.channels) or pixels.dtype != header.dtype:
        raise ValueError(f"pixels {pixels.shape} {pixels.dtype} do not fit the original {header}")
    if mask is None:
        mask = np.ones(pixels.shape[:2], dtype=bool)
    colours = header.channels - header.alpha
    preview = Preview(pixels[:, :, :colours], colour or colour_of(None, header)[0])
    encoded: Encoded = _FORMATS[header.format].encode(pixels, original, mask, preview, settings or OutputSettings())
    return encoded


def icc(data: bytes) -> bytes | None:
    """The embedded colour profile as it is, or None."""
    found: bytes | None = _FORMATS[sniff(data)].icc(data)
    return found


def decode_mask(data: bytes, max_mp: float) -> tuple[np.ndarray, int]:
    """Luminance (H, W) uint8 of a mask file as stored, and its own EXIF orientation, 1 to 8.

    JPEG, PNG, TIFF or WebP, also palette, 1-bit and 16-bit (scaled to 0–255). Luma is Rec. 601, exact for grey. Where
    there is alpha, it is multiplied in: what is transparent counts as black. Raises MaskUnreadable for whatever is
    wrong, also for several pages and more than `max_mp` megapixels.
    """
    try:
        probe = _probe(data)
        check_size(probe.header, max_mp)
        if probe.pages > 1:
            raise MaskUnreadable("a mask of several pages")
        header = probe.header
        if header.format == "tiff" and not probe.unsupported and header.model != "cmyk" and header.bit_depth <= 16:
            pixels = tiff.decode(data, header)  # libvips reads some damaged tiles without a word
        else:
            pixels = _load(data, header.format, kinds=("b-w", "grey16", "srgb", "rgb16"))
        return _luminance(pixels), header.orientation
    except MaskUnreadable:
        raise
    except ItemError as error:
        raise MaskUnreadable(f"{type(error).__name__}: {error}") from None


def _luminance(pixels: np.ndarray) -> np.ndarray:
    """(H, W, C) -> (H, W) uint8, in strips: four bytes a sample of a large scan would be more than the scan."""
    height, width, channels = pixels.shape
    if channels == 1 and pixels.dtype == np.uint8:
        return pixels[:, :, 0]
    grey, rows = np.empty((height, width), np.uint8), max(1, _STRIP // width)
    for top in range(0, height, rows):
        grey[top : top + rows] = _luma(pixels[top : top + rows])
    return grey


def _luma(pixels: np.ndarray) -> np.ndarray:
    wide = pixels.astype(np.uint32)
    if pixels.dtype == np.uint16:
        wide = (wide + 128) // 257
    channels = wide.shape[2]
    grey = wide[:, :, 0]
    if channels >= 3:
        grey = (299 * wide[:, :, 0] + 587 * wide[:, :, 1] + 114 * wide[:, :, 2] + 500) // 1000
    if channels in (2, 4):
        grey = (grey * wide[:, :, -1] + 127) // 255
    return grey.astype(np.uint8)


def _probe(data: bytes) -> Probe:
    name = sniff(data)
    try:
        probe: Probe = _FORMATS[name].probe(data)
    except EndsEarly:
        raise ImageTruncated(f"{name.upper()}: the header is cut off") from None
    return probe


def _load(data: bytes, name: str, kinds: tuple[str, ...] | None = None) -> np.ndarray:
    if name == "tiff" and not tiff.complete(data):
        raise ImageTruncated("TIFF: strips or tiles are missing")
    pyvips = library()
    loader = getattr(pyvips.Image, f"{name}load_buffer")
    try:
        return _run(loader, data, "warning" if name == "jpeg" else "error", kinds)
    except pyvips.Error as error:
        said = " ".join(str(error).split())
        padding = _PADDING.search(said)
        if padding and bytes(int(padding[1])) + b"\xff\xd9" in data:
            try:
                return _run(loader, data, "error", kinds)
            except pyvips.Error as again:
                said = " ".join(str(again).split())
        missing = not _FORMATS[name].complete(data) or any(word in said for word in _MISSING)
        raise (ImageTruncated if missing else ImageUnreadable)(f"{name.upper()}: {said}") from None


def _run(loader: Any, data: bytes, fail_on: str, kinds: tuple[str, ...] | None) -> np.ndarray:
    image = loader(data, access="sequential", fail_on=fail_on)
    if kinds and (image.interpretation not in kinds or image.format not in ("uchar", "ushort")):
        raise MaskUnreadable(f"a mask of kind {image.interpretation}, {image.format}")
    return pixels_of(image)
