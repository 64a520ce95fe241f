"""One small file of every kind of picture that comes back as it was, made by other libraries than those that write it."""

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tests.support import photo

Array = NDArray[np.generic]
SIZE = (75, 102)  # height, width: no multiple of a block, a tile or a byte of bits

PROFILE = bytes(imagecodecs.cms_profile("adobergb"))
XMP = b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"/>' + b" " * 40


@dataclass(frozen=True)
class Kind:
    """A file, what another library reads from it, and what of its container must come back byte for byte."""

    name: str
    data: bytes
    read: Callable[[bytes], Array]
    container: Callable[[bytes], Any]
    alpha: int = 0  # channels at the end that are not filled


def kinds() -> Iterator[Kind]:
    """All of them."""
    yield from _jpegs()
    yield from _pngs()
    yield from _tiffs()
    yield from _webps()


def grey(seed: int = 3) -> Array:
    """(H, W) uint8."""
    return photo(*SIZE, seed, 1)[:, :, 0]


def deep(pixels: Array) -> Array:
    """uint8 -> uint16 with all low bits in use."""
    return (pixels.astype(np.uint16) * 257) ^ np.random.default_rng(0).integers(0, 64, pixels.shape, np.uint16)


def exif(orientation: int = 1) -> bytes:
    """An EXIF structure with a few tags."""
    tags = Image.Exif()
    tags[274], tags[271], tags[305] = orientation, "A scanner", "its software"
    return tags.tobytes()


def _file(save: Callable[[io.BytesIO], Any]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def _jpegs() -> Iterator[Kind]:
    picture = photo(*SIZE, 1)
    metadata: dict[str, Any] = {
        "exif": exif(),
        "icc_profile": PROFILE,
        "xmp": XMP,
        "comment": b"a comment",
        "dpi": (300, 300),
    }

    def pillow(mode: str, pixels: Array, **options: Any) -> bytes:
        return _file(lambda file: Image.fromarray(pixels, mode).save(file, "jpeg", **{"quality": 88, **options}))

    def opencv(sampling: int, restart: int = 0) -> bytes:
        flags = [cv2.IMWRITE_JPEG_QUALITY, 80, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
        return cv2.imencode(".jpg", picture[:, :, ::-1], [*flags, cv2.IMWRITE_JPEG_RST_INTERVAL, restart])[1].tobytes()

    cmyk = np.dstack([255 - picture, 255 - picture.max(2)])
    files = {
        "4:2:0 with metadata": pillow("RGB", picture, **metadata),
        "4:4:4 progressive": pillow("RGB", picture, subsampling=0, progressive=True, quality=95),
        "4:2:2": pillow("RGB", picture, subsampling=1, quality=60),
        "4:4:0": opencv(0x121111),
        "4:1:1 restart": opencv(0x411111, 4),
        "grey": pillow("L", grey()),
        "cmyk": pillow("CMYK", cmyk),
    }
    for name, data in files.items():
        yield Kind(f"jpeg {name}", data, _pillow, _segments)


def _pngs() -> Iterator[Kind]:
    picture = photo(*SIZE, 2)
    alpha = photo(*SIZE, 4, 1)
    metadata = {"exif": exif(), "icc_profile": PROFILE, "dpi": (300, 300)}

    def pillow(image: Image.Image, **options: Any) -> bytes:
        return _file(lambda file: image.save(file, "png", **options))

    def opencv(pixels: Array) -> bytes:
        return cv2.imencode(".png", pixels)[1].tobytes()

    palette = Image.fromarray(picture).quantize(40)
    files = {
        "rgb with metadata": (pillow(Image.fromarray(picture), **metadata), _opencv, 0),
        "rgba": (pillow(Image.fromarray(np.dstack([picture, alpha]))), _opencv, 1),
        "grey": (pillow(Image.fromarray(grey())), _opencv, 0),
        "grey and alpha": (pillow(Image.fromarray(np.dstack([grey(), alpha]), "LA")), _opencv, 1),
        "rgb 16": (opencv(deep(picture)), _opencv, 0),
        "rgba 16": (opencv(deep(np.dstack([picture, alpha]))), _opencv, 1),
        "grey 16": (opencv(deep(grey())), _opencv, 0),
        "palette": (pillow(palette), _pillow, 0),
        "palette of 4 bits": (pillow(Image.fromarray(picture).quantize(13), bits=4), _pillow, 0),
        "palette with alpha": (pillow(palette, transparency=bytes([255] * 39 + [0])), _pillow, 0),
        "1 bit": (pillow(Image.fromarray(grey()).convert("1")), _pillow, 0),
        "one transparent colour": (pillow(Image.fromarray(picture), transparency=(1, 2, 3)), _pillow, 0),
    }
    for name, (data, read, channels) in files.items():
        yield Kind(f"png {name}", data, read, _chunks, channels)


def _tiffs() -> Iterator[Kind]:
    picture = photo(*SIZE, 6)
    alpha = photo(*SIZE, 4, 1)
    real = (picture / np.float32(255)).astype(np.float32)
    with_nan = real.copy()
    with_nan[40:44, 50:60] = np.nan

    def write(pixels: Array, **options: Any) -> bytes:
        kind = {1: "minisblack", 3: "rgb", 4: "rgb"}[1 if pixels.ndim == 2 else pixels.shape[2]]
        given: dict[str, Any] = {"photometric": kind, "metadata": None, **options}
        order, big = given.pop("byteorder", "<"), given.pop("bigtiff", False)

        def save(file: io.BytesIO) -> None:
            with tifffile.TiffWriter(file, byteorder=order, bigtiff=big) as writer:
                writer.write(pixels, **given)

        return _file(save)

    metadata: dict[str, Any] = {
        "iccprofile": PROFILE,
        "resolution": (600, 600),
        "description": "a master scan",
        "extratags": [(700, 1, len(XMP), XMP, True), (274, 3, 1, 1, True), (50001, 2, 8, "private", True)],
    }
    cmyk = np.dstack([255 - picture, 255 - picture.max(2)])
    files = {
        "rgb 16 lzw with metadata": (write(deep(picture), compression="lzw", predictor=True, **metadata), 0),
        "rgb 8": (write(picture, rowsperstrip=9), 0),
        "rgb 8 tiles deflate": (write(picture, tile=(32, 48), compression="zlib", predictor=True), 0),
        "grey 16 big-endian packbits": (write(deep(grey()), compression="packbits", byteorder=">", rowsperstrip=7), 0),
        "grey 8 white is zero": (write(grey(), photometric="miniswhite"), 0),
        "rgba 16 bigtiff tiles": (
            write(deep(np.dstack([picture, alpha])), extrasamples=["unassalpha"], tile=(32, 32), bigtiff=True),
            1,
        ),
        "cmyk 8 lzw": (write(cmyk, photometric="separated", compression="lzw", predictor=True), 0),
        "cmyk 16": (write(deep(cmyk), photometric="separated", rowsperstrip=16), 0),
        "float rgb": (write(real, compression="zlib", predictor=3), 0),
        "float grey beyond one, with holes": (write(with_nan[:, :, 0] * 30 - 5), 0),
        "zstd": (write(picture, compression="zstd", rowsperstrip=20), 0),
    }
    for name, (data, channels) in files.items():
        yield Kind(f"tiff {name}", data, _tifffile, _tags, channels)
    planes = _file(
        lambda file: tifffile.imwrite(
            file, deep(picture).transpose(2, 0, 1), photometric="rgb", planarconfig="separate", rowsperstrip=10
        )
    )
    yield Kind("tiff separate planes", planes, lambda data: _tifffile(data).transpose(1, 2, 0), _tags)


def _webps() -> Iterator[Kind]:
    picture, alpha = photo(*SIZE, 8), photo(*SIZE, 4, 1)
    both = np.dstack([picture, alpha])
    metadata: dict[str, Any] = {"exif": exif(), "icc_profile": PROFILE, "xmp": XMP}

    def pillow(pixels: Array, **options: Any) -> bytes:
        return _file(lambda file: Image.fromarray(pixels).save(file, "webp", **options))

    yield Kind("webp lossless with metadata", pillow(picture, lossless=True, **metadata), _pillow, _riff)
    yield Kind("webp lossless alpha", pillow(both, lossless=True, exact=True), _pillow, _riff, 1)
    yield Kind("webp lossy", pillow(picture, quality=80), _pillow, _riff)
    yield Kind("webp lossy alpha with metadata", pillow(both, quality=80, exact=True, **metadata), _pillow, _riff, 1)


def _pillow(data: bytes) -> Array:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def _opencv(data: bytes) -> Array:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


def _tifffile(data: bytes) -> Array:
    return np.asarray(tifffile.imread(io.BytesIO(data)))


def _segments(data: bytes) -> list[bytes]:
    """APPn, COM, DQT, DRI and the sizes in SOF, as they are."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, at + 2)
        marker = data[at + 1]
        if 0xE0 <= marker <= 0xEF or marker in (0xFE, 0xDD, 0xC0, 0xC2):
            found.append(data[at : at + 2 + length])
        at += 2 + length
    return found


def _chunks(data: bytes) -> list[bytes]:
    """All chunks but the picture itself; of a palette's entries only that there are some."""
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        if kind not in (b"IDAT", b"PLTE"):
            found.append(data[at : at + 12 + length])
        at += 12 + length
    return found


def _tags(data: bytes) -> list[Any]:
    """Byte order and kind of file, and every tag but where the strips or tiles lie and how long they are."""
    places = {273, 279, 324, 325}
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = [(tag.code, tag.dtype, tag.count, tag.value) for tag in file.pages[0].tags if tag.code not in places]
        return [file.byteorder, file.is_bigtiff, len(file.pages), *tags]


def _riff(data: bytes) -> list[bytes]:
    """Size and flags of the canvas, ICC, EXIF and XMP."""
    found, at = [], 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        if data[at : at + 4] in (b"VP8X", b"ICCP", b"EXIF", b"XMP "):
            found.append(data[at : at + 8 + length])
        at += 8 + length + (length & 1)
    return found
