"""TIFF files (classic and Big): the first directory, the header, and an encoder that keeps compression and layout."""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.errors import ImageTruncated, ImageUnreadable
from tasks.store.header import EndsEarly, Probe
from tasks.store.vips import image_of, library

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 277, 278, 279
_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 317, 322, 323, 324, 325
_SUB_IFDS, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 330, 338, 339

_INTEGERS = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 13: ("I", 4), 16: ("Q", 8)}
_COMPRESSIONS = {1: "none", 5: "lzw", 8: "deflate", 32946: "deflate", 32773: "packbits"}
_PHOTOMETRICS = {0: "MinIsWhite grey", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab", 10: "Lab"}
_BLOBS = ("icc-profile-data", "xmp-data", "iptc-data", "photoshop-data", "exif-data")


@dataclass(frozen=True)
class Directory:
    """The entries of one image file directory: `tags[tag]` is (type, count, position of the values in the file)."""

    data: bytes
    order: str
    big: bool
    tags: dict[int, tuple[int, int, int]]
    following: int

    def integers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Values of an integer tag. Raises EndsEarly."""
        if tag not in self.tags:
            return default
        kind, count, at = self.tags[tag]
        if kind not in _INTEGERS:
            return default
        letter, size = _INTEGERS[kind]
        if at + count * size > len(self.data):
            raise EndsEarly
        return struct.unpack_from(f"{self.order}{count}{letter}", self.data, at)

    def integer(self, tag: int, default: int) -> int:
        """First value of an integer tag."""
        return next(iter(self.integers(tag)), default)


def directory(data: bytes) -> Directory:
    """The first directory. Raises EndsEarly and ImageUnreadable."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        big = struct.unpack_from(order + "H", data, 2)[0] == 43
        word, entry, inline = ("Q", 20, 8) if big else ("I", 12, 4)
        (at,) = struct.unpack_from(order + word, data, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
        at += 8 if big else 2
        if not 0 < count <= 4096:
            raise ImageUnreadable(f"TIFF: a directory of {count} entries")
        tags = {}
        for i in range(count):
            tag, kind, number = struct.unpack_from(f"{order}HH{word}", data, at + entry * i)
            place = at + entry * i + entry - inline
            if kind not in _INTEGERS or number * _INTEGERS[kind][1] > inline:
                (place,) = struct.unpack_from(order + word, data, place)
            tags[tag] = (kind, number, place)
        (following,) = struct.unpack_from(order + word, data, at + entry * count)
    except struct.error:
        raise EndsEarly from None
    return Directory(data, order, big, tags, following)


def probe(data: bytes) -> Probe:
    """Header of a TIFF file. Raises EndsEarly and ImageUnreadable."""
    found = directory(data)
    width, height = found.integer(_WIDTH, 0), found.integer(_HEIGHT, 0)
    samples = found.integer(_SAMPLES, 1)
    bits = set(found.integers(_BITS, (1,)))
    pages = 2 if found.following else 1
    return Probe("tiff", width, height, samples, max(bits), _reason(found, samples, bits), pages)


def _reason(found: Directory, samples: int, bits: set[int]) -> str | None:
    photometric = found.integer(_PHOTOMETRIC, 1)
    compression = found.integer(_COMPRESSION, 1)
    colours = 3 if photometric == 2 else 1
    reasons = {
        "TIFF of several pages": found.following != 0,
        "TIFF with sub-images (SubIFDs)": _SUB_IFDS in found.tags,
        f"{_PHOTOMETRICS.get(photometric, f'photometric {photometric}')} TIFF": photometric not in (1, 2),
        f"TIFF with compression {compression}": compression not in _COMPRESSIONS,
        "TIFF of float or signed samples": set(found.integers(_SAMPLE_FORMAT, (1,))) != {1},
        f"TIFF of {', '.join(map(str, sorted(bits)))} bits": len(bits) != 1 or not bits <= {8, 16},
        f"TIFF of {samples} channels": samples not in (colours, colours + 1),
        "TIFF whose extra channel is not plain alpha": samples == colours + 1 and found.integer(_EXTRA_SAMPLES, 0) != 2,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def complete(data: bytes) -> bool:
    """Do all strips or tiles lie inside the file, none of them empty?"""
    try:
        found = directory(data)
        tiled = _TILE_OFFSETS in found.tags
        offsets = found.integers(_TILE_OFFSETS if tiled else _STRIP_OFFSETS)
        sizes = found.integers(_TILE_BYTES if tiled else _STRIP_BYTES)
    except (EndsEarly, ImageUnreadable):
        return False
    if not sizes:  # old writers left the sizes out; the decoder finds out
        return bool(offsets)
    return all(size > 0 and offset + size <= len(data) for offset, size in zip(offsets, sizes, strict=False))


def encode(pixels: np.ndarray, original: bytes) -> bytes:
    """Encode (H, W, C) uint8 or uint16 like `original`: its compression, predictor, strips or tiles, Big or classic.

    Kept as libvips can: ICC, XMP, IPTC, Photoshop, description, orientation, resolution. Not kept: other tags, byte
    order, separate planes. Raises ImageTruncated.
    """
    try:
        found = directory(original)
    except EndsEarly:
        raise ImageTruncated("TIFF: the directory is cut off") from None
    source = library().Image.tiffload_buffer(original)
    image = image_of(pixels).copy(xres=source.xres, yres=source.yres)
    _copy_metadata(source, image)
    tiled = _TILE_WIDTH in found.tags
    height = pixels.shape[0]
    rows = found.integer(_TILE_HEIGHT, 128) if tiled else min(found.integer(_ROWS_PER_STRIP, height), height)
    layout: dict[str, Any] = {"tile": tiled, "tile_height": rows}
    if tiled:
        layout["tile_width"] = found.integer(_TILE_WIDTH, 128)
    coded: bytes = image.tiffsave_buffer(
        compression=_COMPRESSIONS[found.integer(_COMPRESSION, 1)],
        predictor="horizontal" if found.integer(_PREDICTOR, 1) == 2 else "none",
        bigtiff=found.big,
        resunit="inch" if _unit(source) == "in" else "cm",
        **layout,
    )
    return coded


def _unit(source: Any) -> str:
    """`in` or `cm`; libvips leaves the field out where the file has no resolution."""
    unit: str = source.get("resolution-unit") if "resolution-unit" in source.get_fields() else "cm"
    return unit


def _copy_metadata(source: Any, image: Any) -> None:
    pyvips = library()
    fields = set(source.get_fields())
    for name in fields.intersection(_BLOBS):
        image.set_type(pyvips.GValue.blob_type, name, source.get(name))
    for name in fields.intersection(("image-description", "resolution-unit")):
        image.set_type(pyvips.GValue.gstr_type, name, source.get(name))
    if "orientation" in fields:
        image.set_type(pyvips.GValue.gint_type, "orientation", source.get("orientation"))
