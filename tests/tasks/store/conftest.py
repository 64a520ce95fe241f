"""Pictures of every kind for the tests of this folder, made by libvips, and metadata to find again."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pyvips

_KINDS = {8: {1: "b-w", 2: "b-w", 3: "srgb", 4: "srgb"}, 16: {1: "grey16", 2: "grey16", 3: "rgb16", 4: "rgb16"}}


def _pixels(height: int, width: int, channels: int, depth: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.stack([128 + 100 * np.sin(x / (7 + c) + y / 11) for c in range(channels)], axis=-1)
    noisy = (smooth + rng.normal(0, 6, smooth.shape)).clip(0, 255)
    if depth == 8:
        return noisy.astype(np.uint8)
    # All low bits are used, so that a passage through 8 bits would show.
    return (noisy * 257 + rng.integers(0, 50, noisy.shape)).clip(0, 65535).astype(np.uint16)


def _save(pixels: np.ndarray, suffix: str, metadata: dict[str, Any] | None = None, **options: Any) -> bytes:
    """Encode by libvips. `metadata`: libvips field -> bytes, str or int; `dpi` sets the resolution."""
    image = pyvips.Image.new_from_array(pixels)
    image = image.copy(interpretation=_KINDS[8 * pixels.dtype.itemsize][pixels.shape[2]])
    metadata = dict(metadata or {})
    if dpi := metadata.pop("dpi", None):
        image = image.copy(xres=dpi / 25.4, yres=dpi / 25.4)
    types = {bytes: pyvips.GValue.blob_type, str: pyvips.GValue.gstr_type, int: pyvips.GValue.gint_type}
    for name, value in metadata.items():
        image.set_type(types[type(value)], name, value)
    return image.write_to_buffer(suffix, **options)


@pytest.fixture(scope="session")
def make_pixels() -> Callable[..., np.ndarray]:
    """`make_pixels(height, width, channels, depth, seed=0)`: smooth waves with noise."""
    return _pixels


@pytest.fixture(scope="session")
def save() -> Callable[..., bytes]:
    """`save(pixels, suffix, metadata=None, **libvips options)`: a file's bytes."""
    return _save


@pytest.fixture(scope="session")
def picture() -> Callable[..., tuple[bytes, np.ndarray]]:
    """`picture(kind, channels=3, depth=8, size=(120, 150), metadata=None)`: a file and its pixels as libvips sees them."""

    def make(kind: str, channels: int = 3, depth: int = 8, size: Any = (120, 150), metadata: Any = None) -> Any:
        suffix, options = KINDS[kind]
        data = _save(_pixels(*size, channels, depth), suffix, metadata, **options)
        return data, pyvips.Image.new_from_buffer(data, "").numpy().reshape(*size, -1)

    return make


KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": (".jpg", {"Q": 90}),
    "jpeg progressive": (".jpg", {"Q": 80, "interlace": True}),
    "jpeg 4:4:4": (".jpg", {"Q": 75, "subsample_mode": "off"}),
    "jpeg restarts": (".jpg", {"Q": 85, "restart_interval": 4}),
    "png": (".png", {}),
    "png interlaced": (".png", {"interlace": True}),
    "tiff": (".tif", {"compression": "none"}),
    "tiff lzw": (".tif", {"compression": "lzw", "predictor": "horizontal"}),
    "tiff deflate tiles": (".tif", {"compression": "deflate", "tile": True, "tile_width": 64, "tile_height": 32}),
    "tiff packbits": (".tif", {"compression": "packbits", "predictor": "none"}),
    "tiff big": (".tif", {"compression": "lzw", "bigtiff": True}),
    "webp": (".webp", {"Q": 80}),
    "webp lossless": (".webp", {"lossless": True, "exact": True}),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`kind`: every key of `KINDS`; `variant`: every (kind, channels, depth) that the format has."""
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", KINDS)
    if "variant" in metafunc.fixturenames:
        metafunc.parametrize("variant", [(k, c, d) for k in KINDS for c, d in _variants(k)], ids=str)


def _variants(kind: str) -> list[tuple[int, int]]:
    if kind.startswith("jpeg"):
        return [(1, 8), (3, 8)] if "4:4:4" not in kind else [(3, 8)]
    if kind.startswith("webp"):
        return [(3, 8), (4, 8)]
    return [(c, d) for c in (1, 2, 3, 4) for d in (8, 16)]
