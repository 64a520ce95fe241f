"""What a file says about its picture, from its first bytes and tables; no pixel is decoded here."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tasks.errors import ImageEmpty, ImageTooLarge, ImageUnreadable, ImageUnsupported

Model = Literal["grey", "rgb", "cmyk"]
_CHANNELS: dict[Model, int] = {"grey": 1, "rgb": 3, "cmyk": 4}


@dataclass(frozen=True)
class Header:
    """Kind and size of a picture.

    `format` is `jpeg`, `png`, `tiff` or `webp`; `model` says what the colour channels are, `channels` counts them and
    alpha. `bit_depth` is that of the file: up to 8 decodes to uint8, 16 to uint16, 32 (floats) to float32. A palette
    decodes to its colours. `orientation` is EXIF's, 1 to 8; pixels are never rotated.
    """

    format: str
    width: int
    height: int
    bit_depth: int
    model: Model = "rgb"
    alpha: bool = False
    orientation: int = 1

    @property
    def channels(self) -> int:
        """Channels of the decoded array: colour, and alpha where there is one."""
        return _CHANNELS[self.model] + self.alpha

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Of the decoded array."""
        return np.dtype(np.float32 if self.bit_depth == 32 else np.uint16 if self.bit_depth > 8 else np.uint8)

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width * self.height / 1e6


@dataclass(frozen=True)
class Probe:
    """A header as a format's file found it: also kinds of pictures that cannot be given back as they were.

    `unsupported` says why not, or is None; then the header's kind need not be right, its size is.
    """

    header: Header
    unsupported: str | None = None
    pages: int = 1


class EndsEarly(Exception):
    """The file ends where the format wants more bytes."""


_OTHERS = {
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"8BPS": "Photoshop (PSD)",
    b"%PDF": "PDF",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"SIMPLE  =": "FITS",
}


def sniff(data: bytes) -> str:
    """Format by content, whatever the name says: `jpeg`, `png`, `tiff` or `webp`.

    Raises ImageEmpty (zero bytes), ImageUnsupported (another image format, named) and ImageUnreadable.
    """
    if not data:
        raise ImageEmpty("zero bytes")
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    for magic, name in _OTHERS.items():
        if data.startswith(magic):
            raise ImageUnsupported(f"{name}: only JPEG, PNG, TIFF and WebP are read")
    if data[4:8] == b"ftyp":
        raise ImageUnsupported("HEIF, AVIF or video: only JPEG, PNG, TIFF and WebP are read")
    raise ImageUnreadable("not an image: the first bytes are those of no known format")


def check_size(header: Header, max_mp: float) -> None:
    """Raises ImageTooLarge above `max_mp` megapixels, ImageUnreadable where a side is 0."""
    if header.width < 1 or header.height < 1:
        raise ImageUnreadable(f"a picture of {header.width} × {header.height} pixels")
    if header.megapixels > max_mp:
        raise ImageTooLarge(
            f"{header.width} × {header.height} = {header.megapixels:.4g} MP, limits.max_mp is {max_mp:g}"
        )
