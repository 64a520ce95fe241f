"""A picture with a bright red square, its result without, metadata that shows it, and a search for what still does."""

import base64
import io
import re
import struct
from typing import Any

import cv2
import numpy as np
from hypothesis import strategies as st
from PIL import Image, ImageFile

from tasks.fill.colour import Plain
from tasks.store.metadata.preview import Preview


def picture(width: int = 300, height: int = 200, red: bool = True) -> np.ndarray:
    """(H, W, 3) uint8: green and blue waves; a red square in the middle third, or not."""
    y, x = np.mgrid[:height, :width] / max(width, height)
    waves = [np.full_like(x, 100), 120 + 40 * np.sin(9 * x + 5 * y), 110 + 30 * np.cos(7 * y)]
    pixels = np.stack(waves, axis=2).astype(np.uint8)
    if red:
        pixels[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = (255, 0, 0)
    return pixels


def result(width: int = 300, height: int = 200) -> Preview:
    """What is to be seen now."""
    return Preview(picture(width, height, red=False), Plain())


def jpeg(width: int = 160, height: int = 120, quality: int = 80, red: bool = True, **options: Any) -> bytes:
    """The picture as a JPEG stream, by Pillow."""
    out = io.BytesIO()
    Image.fromarray(picture(width, height, red)).save(out, "jpeg", quality=quality, **options)
    return out.getvalue()


def is_red(pixels: np.ndarray) -> bool:
    """Has a (H, W, 3) uint8 picture red (or, channels reversed, blue) where the square was?"""
    values = pixels.astype(int)
    first, second, third = values[:, :, 0], values[:, :, 1], values[:, :, 2]
    return bool((((first > 170) & (second < 80) & (third < 80)) | ((third > 170) & (second < 80) & (first < 80))).any())


def shown(blob: bytes) -> list[np.ndarray]:
    """Every picture that Pillow or OpenCV can make of any part of `blob` that looks like the start of a JPEG."""
    found = []
    for start in (m.start() for m in re.finditer(rb"(?=[\x00-\xff]\xd8\xff)", blob)):
        stream = b"\xff" + blob[start + 1 :]
        decoded = cv2.imdecode(np.frombuffer(stream, np.uint8), cv2.IMREAD_COLOR)
        if decoded is not None:
            found.append(np.asarray(decoded))
        try:
            ImageFile.LOAD_TRUNCATED_IMAGES = True
            found.append(np.asarray(Image.open(io.BytesIO(stream)).convert("RGB")))
        except Exception:  # whatever Pillow says of hostile bytes
            continue
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
    return found


def leaks(blob: bytes) -> bool:
    """Does any JPEG in `blob` show red?"""
    return any(is_red(pixels) for pixels in shown(blob))


def text_leaks(text: bytes) -> bool:
    """Does any base64 in `text`, wrapped or not, show red?"""
    plain = re.sub(rb"\s|&#x?[0-9A-Fa-f]+;|\\n|\\(?=/)|\0", b"", text)
    for run in re.findall(rb"[A-Za-z0-9+/]{64,}", plain):
        for shift in range(4):
            part = run[shift : shift + (len(run) - shift) // 4 * 4]
            if leaks(base64.b64decode(part)):
                return True
    return False


def hostile(*payloads: bytes) -> st.SearchStrategy[bytes]:
    """Random bytes, and `payloads` with bytes written over, cut out, repeated or cut off."""
    return st.one_of(st.binary(max_size=400), *(_damaged(payload) for payload in payloads))


@st.composite
def _damaged(draw: st.DrawFn, payload: bytes) -> bytes:
    blob = bytearray(payload)
    # Half of the damage hits the first bytes, where headers and tables are.
    place = st.integers(0, min(len(blob), 400) - 1) | st.integers(0, len(blob) - 1)
    for at, value in draw(st.lists(st.tuples(place, st.binary(min_size=1, max_size=4)), max_size=6)):
        blob[at : at + len(value)] = value
    kind, at, size = draw(st.tuples(st.integers(0, 4), place, st.integers(1, 300)))
    if kind == 0:
        del blob[at:]
    elif kind == 1:
        del blob[at : at + size]
    elif kind == 2:
        blob[at:at] = blob[at : at + size]
    return bytes(blob)


SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}
CODES = {1: "B", 3: "H", 4: "I", 9: "i"}


def packed(order: str, kind: int, value: Any) -> tuple[int, bytes]:
    """Count and bytes of a tag's value: bytes as they are, rationals as pairs, else integers."""
    if isinstance(value, bytes):
        return len(value) // SIZES[kind], value
    numbers = value if isinstance(value, tuple) else (value,)
    return len(numbers), struct.pack(f"{order}{len(numbers)}{CODES[kind]}", *numbers)


Directory = dict[int, tuple[int, Any]]


def structure(order: str, directories: list[Directory]) -> bytes:
    """A TIFF structure: chained directories of tag -> (type, value).

    A directory as a value becomes a sub-directory. Tag -1 holds named bytes, (0, {"thumb": b"…"}), that lie behind the
    table; the value "@thumb" is where.
    """
    out = bytearray(b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    previous = 4
    for directory in directories:
        at = _write(out, order, directory)
        struct.pack_into(order + "I", out, previous, at)
        previous = at + 2 + 12 * sum(tag >= 0 for tag in directory)
    return bytes(out)


def _write(out: bytearray, order: str, directory: Directory) -> int:
    blobs = directory.get(-1, (0, {}))[1]
    tags = sorted(tag for tag in directory if tag >= 0)
    out += bytes(len(out) % 2)
    at = len(out)
    out += bytes(2 + 12 * len(tags) + 4)
    places = {}
    for name, blob in blobs.items():
        places[name] = len(out)
        out += blob
    struct.pack_into(order + "H", out, at, len(tags))
    for number, tag in enumerate(tags):
        kind, value = directory[tag]
        if isinstance(value, dict):
            value = _write(out, order, value)
        elif isinstance(value, str) and value.startswith("@"):
            value = places[value[1:]]
        count, data = packed(order, kind, value)
        entry = at + 2 + 12 * number
        struct.pack_into(order + "HHI", out, entry, tag, kind, count)
        if len(data) <= 4:
            out[entry + 8 : entry + 8 + len(data)] = data
        else:
            struct.pack_into(order + "I", out, entry + 8, len(out))
            out += data
    return at


def exif(
    order: str = "<",
    thumbnail: bytes | None = None,
    maker_note: bytes = b"",
    first: Directory | None = None,
    second: Directory | None = None,
    length: int | None = None,
) -> bytes:
    """A camera's EXIF: IFD0, Exif IFD with a maker note, and IFD1 with a compressed thumbnail if one is given."""
    below = {0x9000: (7, b"0232"), 0x829A: (5, struct.pack(order + "II", 1, 250)), 0x927C: (7, b"Maker\0" + maker_note)}
    ifd0: Directory = {0x010F: (2, b"Camera maker\0"), 0x0112: (3, 6), 0x8769: (4, below), **(first or {})}
    directories = [ifd0]
    if thumbnail is not None:
        size = len(thumbnail) if length is None else length
        ifd1: Directory = {
            0x0103: (3, 6),
            0x011A: (5, struct.pack(order + "II", 72, 1)),
            0x0201: (4, "@thumb"),
            0x0202: (4, size),
            -1: (0, {"thumb": thumbnail}),
        }
        directories.append({**ifd1, **(second or {})})
    elif second is not None:
        directories.append(second)
    return structure(order, directories)


def tags(payload: bytes) -> list[dict[int, bytes]]:
    """Tag -> bytes of the value, of every directory of the chain, sub-directories after it: a reader of its own."""
    order = "<" if payload[:1] == b"I" else ">"
    found: list[dict[int, bytes]] = []
    queue = [struct.unpack_from(order + "I", payload, 4)[0]]
    while queue:
        at = queue.pop(0)
        if not at:
            continue
        (count,) = struct.unpack_from(order + "H", payload, at)
        directory = {}
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, number, offset = struct.unpack_from(order + "HHII", payload, entry)
            size = SIZES[kind] * number
            start = entry + 8 if size <= 4 else offset
            directory[tag] = payload[start : start + size]
            if tag == 0x8769:
                queue.append(offset)
        found.append(directory)
        queue.insert(0, struct.unpack_from(order + "I", payload, at + 2 + 12 * count)[0])
    return found
