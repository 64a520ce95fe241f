"""The tRNS chunk: alpha of palette entries, or the one grey or colour that is transparent (PNG specification, §11.3.1.1)."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from tasks.store.formats.png_chunks import chunks

_GREY, _RGB, _PALETTE = 0, 2, 3


def transparency(data: bytes) -> bytes | None:
    """The payload of the tRNS chunk that libpng would heed: the first one that is whole, in its place, of the right size."""
    colour, entries = data[25], 0
    for kind, start, end in chunks(data):
        payload = data[start + 8 : end - 4]
        if kind == b"PLTE":
            entries = min(len(payload) // 3, 1 << min(data[24], 8))
        elif kind == b"IDAT":
            break
        elif kind == b"tRNS":
            fits = {_GREY: len(payload) == 2, _RGB: len(payload) == 6, _PALETTE: 0 < len(payload) <= entries}
            if fits.get(colour) and struct.pack(">I", zlib.crc32(payload, zlib.crc32(kind))) == data[end - 4 : end]:
                return payload
    return None


def key_of(data: bytes) -> NDArray[np.uint16]:
    """The transparent colour (1 or 3,) in units of the file's depth; of the 16 bits of a sample the low ones count."""
    samples = np.frombuffer(transparency(data) or b"", ">u2")
    return (samples & ((1 << data[24]) - 1)).astype(np.uint16)


def keyed(pixels: np.ndarray, mask: NDArray[np.bool_], key: NDArray[np.uint16]) -> np.ndarray:
    """Colours (H, W, C) for pixels (H, W, C + alpha), such that in the mask the right ones are transparent.

    What is to be seen there and happens to have the key's colour goes one step aside in the last channel: blue.
    """
    colours, alpha = pixels[:, :, :-1].copy(), pixels[:, :, -1]
    seen = alpha > np.iinfo(alpha.dtype).max // 2
    colours[mask & ~seen] = key
    accident = mask & seen & (colours == key).all(axis=2)
    aside = key.copy()
    last = int(key[-1])
    aside[-1] = last + 1 if last < np.iinfo(alpha.dtype).max else last - 1
    colours[accident] = aside
    return colours
