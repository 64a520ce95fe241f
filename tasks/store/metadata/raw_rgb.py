"""Uncompressed and palette thumbnails: rows of bytes without a header of their own."""

import numpy as np
from PIL import Image

from tasks.store.metadata.preview import Preview


def rgb(preview: Preview, width: int, height: int, row_bytes: int = 0, reverse: bool = False) -> bytes:
    """`preview` as `height` rows of three bytes a pixel, each padded with zeros to `row_bytes`; `reverse`: BGR."""
    picture = preview.fitted(width, height)
    rows = (picture[:, :, ::-1] if reverse else picture).reshape(height, 3 * width)
    return np.pad(rows, ((0, 0), (0, max(0, row_bytes - 3 * width)))).tobytes()


def palette(preview: Preview, width: int, height: int) -> bytes:
    """`preview` as 256 RGB colours (768 bytes) and height × width indices."""
    image = Image.fromarray(preview.fitted(width, height)).quantize(256, dither=Image.Dither.NONE)
    colours = bytes(image.getpalette() or ())
    return colours.ljust(768, b"\0")[:768] + image.tobytes()
