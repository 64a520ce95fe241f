"""What a file says about its picture, from its first bytes and tables; no pixel is decoded here."""

from dataclasses import dataclass

from tasks.errors import ImageEmpty, ImageTooLarge, ImageUnreadable, ImageUnsupported


@dataclass(frozen=True)
class Header:
    """Kind and size of a picture.

    `format` is `jpeg`, `png`, `tiff` or `webp`; `channels` 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA; `bit_depth` 8 or 16.
    """

    format: str
    width: int
    height: int
    channels: int
    bit_depth: int

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width * self.height / 1e6


@dataclass(frozen=True)
class Probe:
    """A header as a format's file found it: also kinds of pictures that cannot be given back as they were.

    `unsupported` says why not, or is None. Then `channels` and `bit_depth` may be other than `Header` allows.
    """

    format: str
    width: int
    height: int
    channels: int
    bit_depth: int
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


def check_size(probe: Probe, max_mp: float) -> None:
    """Raises ImageTooLarge above `max_mp` megapixels, ImageUnreadable where a side is 0."""
    if probe.width < 1 or probe.height < 1:
        raise ImageUnreadable(f"a picture of {probe.width} × {probe.height} pixels")
    megapixels = probe.width * probe.height / 1e6
    if megapixels > max_mp:
        raise ImageTooLarge(f"{probe.width} × {probe.height} = {megapixels:.4g} MP, limits.max_mp is {max_mp:g}")
