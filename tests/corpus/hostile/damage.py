"""What happens to files of any format: cut off, bits turned over, the wrong name, something else altogether."""

import gzip
import io
import zipfile
from collections.abc import Iterator

import numpy as np

from tests.corpus.kinds import kinds

BROKEN = frozenset({"ImageUnreadable", "ImageTruncated", "ImageUnsupported", "ImageEmpty", "ImageTooLarge"})
ANY = BROKEN | {"ok", "MaskSizeMismatch", "MaskCoversAll"}  # a lie about the size may be a plausible one
Hostile = tuple[str, bytes, frozenset[str]]  # a name with its suffix, the file, and what may become of it

CUT = (
    "jpeg 4:2:0 with metadata",
    "jpeg 4:4:4 progressive",
    "jpeg cmyk",
    "png rgb with metadata",
    "png palette",
    "png rgba 16",
    "tiff rgb 16 lzw with metadata",
    "tiff rgba 16 bigtiff tiles",
    "tiff float rgb",
    "webp lossless with metadata",
    "webp lossy alpha with metadata",
)
SUFFIX = {"jpeg": ".jpg", "png": ".png", "tiff": ".tif", "webp": ".webp"}


def damaged() -> Iterator[Hostile]:
    """All of them."""
    files = {kind.name: kind.data for kind in kinds()}
    yield from _cut(files)
    yield from _turned(files)
    yield from _misnamed(files)
    yield from _foreign()


def _cut(files: dict[str, bytes]) -> Iterator[Hostile]:
    for name in CUT:
        for tenth in range(1, 10):
            data = files[name]
            # the header of a cut file may already lack what makes it supported
            yield f"cut/{name} {tenth}0%{_suffix(name)}", data[: len(data) * tenth // 10], BROKEN


def _turned(files: dict[str, bytes]) -> Iterator[Hostile]:
    for number, (name, data) in enumerate(files.items()):
        rng = np.random.default_rng(number)
        for count in (1, 12):
            bad = np.frombuffer(data, np.uint8).copy()
            where = rng.integers(0, min(len(bad), 600 if count == 1 else len(bad)), count)
            bad[where] ^= rng.integers(1, 256, count, dtype=np.uint8)
            yield f"turned/{name} {count}{_suffix(name)}", bad.tobytes(), ANY


def _misnamed(files: dict[str, bytes]) -> Iterator[Hostile]:
    ok = frozenset({"ok"})
    yield "misnamed/jpeg.png", files["jpeg 4:2:2"], ok
    yield "misnamed/png.jpg", files["png rgba"], ok
    yield "misnamed/tiff.jpeg", files["tiff rgb 8"], ok
    yield "misnamed/webp.tif", files["webp lossy"], ok
    for number, name in enumerate(("jpeg grey", "png grey", "tiff rgb 8", "webp lossy")):
        data = files[name]
        yield f"misnamed/junk before {number}{_suffix(name)}", b"\r\n" + data, BROKEN
        # what lies behind a file is nobody's pixels: it may stay, or be left out
        yield f"misnamed/junk behind {number}{_suffix(name)}", data + b"<html>" * 100, ANY
        yield f"misnamed/zeros {number}{_suffix(name)}", bytes(len(data)), BROKEN
        yield f"misnamed/magic only {number}{_suffix(name)}", data[:12], BROKEN


def _foreign() -> Iterator[Hostile]:
    refused = frozenset({"ImageUnreadable", "ImageUnsupported"})
    page = b"<!DOCTYPE html><html><body><h1>503 Service Unavailable</h1></body></html>\n"
    entity = b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("image.tif", bytes(50_000_000))
    others = {
        "page.jpg": page,
        "error.tif": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "answer.png": b'{"error": "not found"}',
        "drawing.png": entity + b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&x;</text></svg>',
        "remote.png": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://169.254.169.254/x"/></svg>',
        "bomb.zip.png": archive.getvalue(),
        "bomb.gz.tif": gzip.compress(bytes(50_000_000)),
        "moving.gif": b"GIF89a" + bytes(60),
        "bitmap.jpg": b"BM" + bytes(200),
        "paper.tif": b"%PDF-1.7\n1 0 obj\n",
        "portable.jpg": b"P6 100000 100000 255\n" + bytes(100),
        "layers.tif": b"8BPS\0\1" + bytes(200),
        "heic.jpg": b"\0\0\0\x18ftypheic" + bytes(100),
        "avif.jpg": b"\0\0\0\x20ftypavif" + bytes(100),
        "jp2.tif": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100),
        "exr.tif": b"\x76\x2f\x31\x01" + bytes(100),
        "program.png": b"\x7fELF" + bytes(200),
        "pickle.png": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
        "matlab.tif": b"MATLAB 5.0 MAT-file" + bytes(200),
        "radiance.jpg": b"#?RADIANCE\n\n-Y 99999 +X 99999\n",
    }
    for name, data in others.items():
        yield f"foreign/{name}", data, refused
    for suffix in SUFFIX.values():
        yield f"foreign/empty{suffix}", b"", frozenset({"ImageEmpty"})
        yield f"foreign/one byte{suffix}", b"\xff", refused


def _suffix(name: str) -> str:
    return SUFFIX[name.partition(" ")[0]]
