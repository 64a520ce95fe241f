"""JPEG files of every kind, by encoders and decoders other than the one under test."""

import io
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import jpeglib
import numpy as np
import pyvips
from hypothesis import strategies as st
from PIL import Image

from tasks.fill.colour import Plain
from tasks.store.formats import jpeg
from tasks.store.formats.encoded import Encoded
from tasks.store.formats.jpeg_segments import segments
from tasks.store.metadata.preview import Preview
from tasks.store.settings import OutputSettings

SAMPLINGS = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "4:4:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    "4:1:1": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
}


@dataclass(frozen=True)
class Kind:
    """How a picture is coded; `model` grey, ycc, rgb (coded as such), cmyk or ycck."""

    model: str = "ycc"
    sampling: str = "4:2:0"
    progressive: bool = False
    restart: int = 0
    quality: int = 90
    size: tuple[int, int] = (61, 83)
    seed: int = 0

    @property
    def channels(self) -> int:
        return {"grey": 1, "cmyk": 4, "ycck": 4}.get(self.model, 3)


def kinds(**fixed: Any) -> st.SearchStrategy[Kind]:
    """Any kind; `fixed` are strategies in place of the usual ones."""
    usual: dict[str, st.SearchStrategy[Any]] = {
        "model": st.sampled_from(("ycc", "ycc", "ycc", "grey", "rgb", "cmyk", "ycck")),
        "sampling": st.sampled_from(sorted(SAMPLINGS)),
        "progressive": st.booleans(),
        "restart": st.sampled_from((0, 0, 1, 3, 7)),
        "quality": st.sampled_from((30, 75, 90, 95, 100)),
        "size": st.tuples(st.integers(1, 70), st.integers(1, 90)),
        "seed": st.integers(0, 3),
    }
    return st.builds(Kind, **(usual | fixed))


def photo(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    """(H, W, C) uint8: waves with a little noise."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 90 * np.sin((x + 3 * seed) / (9 + c) + y / (7 + 2 * c)) for c in range(channels)]
    noise = np.random.default_rng(seed).normal(0, 4, (height, width, channels))
    return (np.stack(waves, axis=2) + noise).clip(0, 255).astype(np.uint8)


def written(kind: Kind) -> bytes:
    """A file of that kind; YCCK is always 4:2:0 and sequential, RGB and CMYK 4:4:4."""
    pixels = photo(*kind.size, kind.channels, kind.seed)
    if kind.model in ("grey", "ycc"):
        options = [cv2.IMWRITE_JPEG_QUALITY, kind.quality, cv2.IMWRITE_JPEG_PROGRESSIVE, int(kind.progressive)]
        options += [cv2.IMWRITE_JPEG_RST_INTERVAL, kind.restart]
        if kind.model == "ycc":
            options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLINGS[kind.sampling]]
        return bytes(cv2.imencode(".jpg", pixels[:, :, ::-1], options)[1].tobytes())
    if kind.model == "ycck":
        return bytes(imagecodecs.jpeg8_encode(pixels, level=kind.quality, colorspace="CMYK", outcolorspace="YCCK"))
    out = io.BytesIO()
    options_of = {"quality": kind.quality, "progressive": kind.progressive, "restart_marker_blocks": kind.restart}
    if kind.model == "rgb":
        Image.fromarray(pixels).save(out, "jpeg", keep_rgb=True, **options_of)
    else:
        Image.frombytes("CMYK", kind.size[::-1], pixels.tobytes()).save(out, "jpeg", **options_of)
    return out.getvalue()


def decoded(data: bytes) -> np.ndarray:
    """(H, W, C) uint8 by libvips; a warning is an error."""
    image = pyvips.Image.jpegload_buffer(data, fail_on="warning")
    pixels: np.ndarray = image.numpy()
    return pixels.reshape(image.height, image.width, image.bands)


def coefficients(data: bytes, version: str = "9f") -> list[np.ndarray]:
    """(rows, columns, 64) int16 per component, by a libjpeg that the code under test does not use."""
    jpeglib.version.set(version)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.jpg"
        path.write_bytes(data)
        read = jpeglib.read_dct(str(path))
        planes = [read.Y, read.Cb, read.Cr, read.K]
    return [plane.reshape(*plane.shape[:2], 64) for plane in planes if plane is not None]


def random_mask(shape: tuple[int, int], seed: int) -> np.ndarray:
    """(H, W) bool: some boxes, or none."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, bool)
    for _ in range(rng.integers(0, 4)):
        y, x = (int(rng.integers(0, side)) for side in shape)
        mask[
            y : y + 1 + int(rng.integers(0, 1 + shape[0] // 3)), x : x + 1 + int(rng.integers(0, 1 + shape[1] // 3))
        ] = True
    return mask


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(payload)) + payload


def with_segments(data: bytes, *added: tuple[int, bytes]) -> bytes:
    """`data` with segments at its begin."""
    return data[:2] + b"".join(segment(marker, payload) for marker, payload in added) + data[2:]


def payloads(data: bytes, *markers: int) -> list[tuple[int, bytes]]:
    """(marker, payload) of the segments with these markers, of all of them if none is named."""
    return [(s.marker, s.payload(data)) for s in segments(data)[0] if s.marker in markers or not markers]


def encode(pixels: np.ndarray, original: bytes, mask: np.ndarray | None = None, splice: bool = True) -> Encoded:
    """By the code under test; without `mask` everything may have changed."""
    area = np.ones(pixels.shape[:2], bool) if mask is None else mask
    seen = pixels[:, :, :3]
    preview = Preview(seen, Plain(seen.shape[2]))
    return jpeg.encode(pixels, original, area, preview, OutputSettings(jpeg_splice=splice))
