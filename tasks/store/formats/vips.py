"""libvips, set up once per process: no operation cache, no untrusted loaders, quiet."""

import logging
from functools import cache
from typing import Any

import numpy as np

_INTERPRETATIONS = {
    (1, "uint8"): "b-w",
    (2, "uint8"): "b-w",
    (3, "uint8"): "srgb",
    (4, "uint8"): "srgb",
    (1, "uint16"): "grey16",
    (2, "uint16"): "grey16",
    (3, "uint16"): "rgb16",
    (4, "uint16"): "rgb16",
}


@cache
def library() -> Any:
    """The pyvips module, imported and configured when first used."""
    import pyvips

    # Every file is decoded once: a cache would only hold pixels of files that are done.
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    # libvips' warnings (a wrong ICC profile, an unknown TIFF tag) are no news about the run; what matters of them is in
    # the text of the exception.
    logging.getLogger("pyvips").setLevel(logging.CRITICAL)
    return pyvips


def set_threads(threads: int) -> None:
    """Let libvips use `threads` ≥ 1 threads in this process (default: one per core). Results do not depend on it."""
    library().concurrency_set(threads)


def image_of(pixels: np.ndarray) -> Any:
    """A libvips image of (H, W, C) uint8 or uint16, C 1 to 4; the last of 2 or 4 channels is alpha."""
    pixels = np.ascontiguousarray(pixels)
    height, width, channels = pixels.shape
    kind = "uchar" if pixels.dtype == np.uint8 else "ushort"
    image = library().Image.new_from_memory(pixels.data, width, height, channels, kind)
    return image.copy(interpretation=_INTERPRETATIONS[channels, pixels.dtype.name])


def pixels_of(image: Any) -> np.ndarray:
    """Decode a libvips image to (H, W, C) of its own dtype."""
    pixels: np.ndarray = image.numpy()
    return pixels.reshape(image.height, image.width, image.bands)
