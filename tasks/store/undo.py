"""What takes a filled file back to its original's pixels: taken while the original is at hand, small where the hole is.

A token is a dict of JSON values. `kind`:

- `pixels`: the stored values that the mask covers, for formats that come back without loss.
- `blocks`: the coefficients of the JPEG blocks that the mask touches.
- `file`: the whole original, where neither gives it back (coded anew as a whole; a palette that has no room).
"""

import base64
import hashlib
import zlib
from typing import Any

import numpy as np

from tasks.errors import ImageUnreadable
from tasks.store.formats import jpeg
from tasks.store.formats.jpeg_splice import touched
from tasks.store.image import Header, decode, encode, read_header

Token = dict[str, Any]
_NO_LIMIT_MP = float("inf")  # what was filled has passed the limit


def undo_token(original: bytes, output: bytes, mask: np.ndarray) -> Token:
    """What `undone` needs to give the original's pixels back from `output`, which was filled within `mask` (H, W) bool.

    The token is tried before it is returned: a file that it would not bring back is kept whole in it.
    """
    header = read_header(original, _NO_LIMIT_MP)
    pixels = decode(original, header)
    token = {"pixels_sha256": _digest(pixels)}
    token |= _blocks(original, mask) if header.format == "jpeg" else _pixels(pixels, mask)
    try:
        undone(output, token)
    except ImageUnreadable:
        token = {"pixels_sha256": token["pixels_sha256"], "kind": "file", "data": _packed(original)}
    return token


def undone(output: bytes, token: Token) -> bytes:
    """`output` with its original's pixels: what of the metadata it had lost stays lost, but for a token of kind `file`.

    Raises ImageUnreadable where the result would not decode to the original's pixels: another output, or a damaged token.
    """
    try:
        if token["kind"] == "file":
            return _unpacked(token["data"])
        header = read_header(output, _NO_LIMIT_MP)
        result = _with_blocks(output, token) if token["kind"] == "blocks" else _with_pixels(output, header, token)
        exact = _digest(decode(result, header)) == token["pixels_sha256"]
    except (KeyError, ValueError, TypeError, zlib.error) as error:
        raise ImageUnreadable(f"no token of this file: {type(error).__name__}: {error}") from error
    if not exact:
        raise ImageUnreadable("this file and this token do not give the original's pixels")
    return result


def _pixels(pixels: np.ndarray, mask: np.ndarray) -> Token:
    return {"kind": "pixels", "mask": _packed(np.packbits(mask).tobytes()), "data": _packed(pixels[mask].tobytes())}


def _with_pixels(output: bytes, header: Header, token: Token) -> bytes:
    shape = header.height, header.width
    bits = np.frombuffer(_unpacked(token["mask"]), np.uint8)
    mask = np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape).astype(bool)
    pixels = decode(output, header)
    pixels = pixels if pixels.flags.writeable else pixels.copy()
    pixels[mask] = np.frombuffer(_unpacked(token["data"]), header.dtype).reshape(-1, header.channels)
    return encode(pixels, output, mask).data


def _blocks(original: bytes, mask: np.ndarray) -> Token:
    shape, planes = jpeg.blocks(original)
    parts = []
    for index, plane in enumerate(planes):
        at = np.flatnonzero(touched(mask, shape.pixels(index)))
        parts.append({"at": _packed(at.astype("<u4").tobytes()), "data": _packed(_of(plane)[at].tobytes())})
    return {"kind": "blocks", "components": parts}


def _with_blocks(output: bytes, token: Token) -> bytes:
    _, planes = jpeg.blocks(output)
    for plane, part in zip(planes, token["components"], strict=True):
        at = np.frombuffer(_unpacked(part["at"]), "<u4")
        if at.size and at.max() >= len(_of(plane)):
            raise ValueError("a block outside the picture")
        _of(plane)[at] = np.frombuffer(_unpacked(part["data"]), np.int16).reshape(-1, 64)
    return jpeg.with_blocks(output, planes)


def _of(plane: np.ndarray) -> np.ndarray:
    """(rows, columns, 64) as (blocks, 64), of the same memory."""
    return plane.reshape(-1, 64)


def _packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 6)).decode()


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text, validate=True))


def _digest(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()
