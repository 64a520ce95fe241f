"""TIFF files of every kind for the tests of this folder, written by tifffile, and what they hold."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.fill.colour import Plain
from tasks.store.formats import tiff
from tasks.store.formats.encoded import Encoded
from tasks.store.formats.tiff_directory import pages
from tasks.store.metadata.preview import Preview
from tasks.store.settings import OutputSettings

Samples = NDArray[Any]
Mask = NDArray[np.bool_]

COMPRESSIONS = ["none", "lzw", "zlib", "packbits", "zstd", "lzma"]
CHANNELS = {"minisblack": 1, "miniswhite": 1, "rgb": 3, "separated": 4}
PLACES = {273, 279, 324, 325}  # the tags that say where strips and tiles lie


def write(pixels: Samples, **options: Any) -> bytes:
    """One page, its directory before the pixels (libtiff puts it behind them). `pixels` (H, W) or (H, W, C)."""
    return write_pages([(pixels, options)], **{k: options.pop(k) for k in ("byteorder", "bigtiff") if k in options})


def write_pages(parts: list[tuple[Samples, dict[str, Any]]], byteorder: str = "<", bigtiff: bool = False) -> bytes:
    """Several pages, each with its options for `TiffWriter.write`; (H, W, C) become planes where these are separate."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file, byteorder=byteorder, bigtiff=bigtiff) as writer:  # type: ignore[arg-type]
        for part, options in parts:
            pixels = part
            kind = "minisblack" if pixels.ndim == 2 or pixels.shape[2] < 3 else "rgb"
            given = {"photometric": kind, "metadata": None, **options}
            if given.get("planarconfig") == "separate":
                pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1))
            writer.write(pixels, **given)
    return file.getvalue()


def read(data: bytes, page: int = 0) -> Samples:
    """(H, W, samples) as stored, by tifffile."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        found = file.pages[page]
        pixels = np.asarray(found.asarray())
        separate = found.planarconfig == 2 and found.samplesperpixel > 1  # type: ignore[union-attr]
    pixels = pixels.transpose(1, 2, 0) if separate and pixels.ndim == 3 else pixels
    return pixels.reshape(*pixels.shape[:2], -1)


def tags(data: bytes) -> list[list[Any]]:
    """All tags of all pages and of their SubIFDs but where chunks lie, by tifffile."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        all_pages = [sub for page in file.pages for sub in (page, *(page.pages or ()))]  # type: ignore[union-attr]
        return [
            [(t.code, t.dtype, t.count, t.value) for t in page.tags if t.code not in PLACES]  # type: ignore[union-attr]
            for page in all_pages
        ]


def decoded(data: bytes) -> Samples:
    """(H, W, C) by the code under test."""
    return tiff.decode(data, tiff.probe(data).header)


def encoded(pixels: Samples, data: bytes, mask: Mask) -> Encoded:
    """By the code under test, thumbnails drawn as sRGB."""
    header = tiff.probe(data).header
    colours = pixels[:, :, : header.channels - header.alpha]
    preview = Preview(colours, Plain(1 if header.model == "grey" else 3))
    return tiff.encode(pixels, data, mask, preview, OutputSettings())


def same(a: Samples, b: Samples) -> bool:
    """Bit for bit: a NaN equals itself."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def picture(height: int, width: int, channels: int, dtype: str, seed: int = 0) -> Samples:
    """Smooth waves with noise, (H, W, C); floats with some that are no numbers, or beyond [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([0.5 + 0.4 * np.sin(x / (7 + c) + y / 11) for c in range(channels)], axis=-1)
    values = np.clip(waves + rng.normal(0, 0.02, waves.shape), 0, 1)
    if dtype != "float32":
        return np.asarray(values * np.iinfo(dtype).max, dtype)
    found = (values * 3 - 1).astype(np.float32)
    found[rng.random(found.shape) < 0.02] = np.nan
    found.view(np.uint32)[rng.random(found.shape) < 0.01] = 0xFFC12345  # a NaN with a payload
    return found


def untouched(before: bytes, after: bytes, changed: Callable[[int], bool] | None = None) -> None:
    """Every byte that no table of offsets or sizes and no chunk of the file holds is equal."""
    held = np.zeros(len(before), bool)
    for page in pages(before):
        for tag in PLACES:
            if entry := page.directory.entries.get(tag):
                held[entry.at : entry.at + 20] = True
                held[entry.place : entry.place + entry.size] = True
        for offsets, sizes in ((273, 279), (324, 325)):
            for at, size in zip(page.directory.array(offsets), page.directory.array(sizes), strict=True):
                held[at : at + size] = True
    old, new = (np.frombuffer(data, np.uint8) for data in (before, after))
    assert len(new) >= np.flatnonzero(~held).max() + 1
    free = np.flatnonzero(~held)
    assert (old[free] == new[free]).all()


@dataclass(frozen=True)
class Sample:
    """A file, its pixels as seen (H, W, C), a mask (H, W), and other pixels that differ only where it is set."""

    data: bytes
    pixels: Samples
    mask: Mask
    wanted: Samples
    options: dict[str, Any]


@st.composite
def samples(draw: st.DrawFn, **fixed: Any) -> Sample:
    """A file of one page of any kind that is supported, but for palettes."""
    dtype = fixed.get("dtype") or draw(st.sampled_from(["uint8", "uint16", "float32"]))
    kinds = ["minisblack", "rgb", "separated"] + ["miniswhite"] * (dtype != "float32")
    kind = draw(st.sampled_from(kinds))
    extras = [None, "unassalpha", "unspecified"] + ["assocalpha"] * (kind != "miniswhite")
    extra = draw(st.sampled_from(extras))
    compression = fixed.get("compression") or draw(st.sampled_from(COMPRESSIONS))
    predictors = [1] if compression in ("none", "packbits") else [1, 3 if dtype == "float32" else 2]
    height, width = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    options: dict[str, Any] = {
        "photometric": kind,
        "compression": None if compression == "none" else compression,
        "predictor": draw(st.sampled_from(predictors)),
        "byteorder": draw(st.sampled_from("<>")),
        "bigtiff": draw(st.booleans()),
    }
    channels = CHANNELS[kind] + (extra is not None)
    if channels > 1:
        options["planarconfig"] = draw(st.sampled_from(["contig", "separate"]))
    if extra:
        options["extrasamples"] = [extra]
    if draw(st.booleans()):
        options["tile"] = draw(st.sampled_from([(16, 16), (32, 48), (64, 16)]))
    else:
        options["rowsperstrip"] = draw(st.integers(1, height))
    seed = draw(st.integers(0, 1 << 32))
    stored = picture(height, width, channels, dtype, seed)
    if extra == "assocalpha":
        stored[:, :, :-1] = np.fmin(stored[:, :, :-1], stored[:, :, -1:])
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < draw(st.sampled_from([0.002, 0.03, 0.5, 1.0]))
    mask[rng.integers(height), rng.integers(width)] = True
    pixels = stored.copy()
    if kind == "miniswhite":
        pixels[:, :, 0] = np.iinfo(dtype).max - pixels[:, :, 0]
    wanted = pixels.copy()
    noise = picture(height, width, channels, dtype, seed + 1)
    if dtype != "float32" and draw(st.booleans()):
        noise = rng.integers(0, np.iinfo(dtype).max + 1, noise.shape).astype(dtype)  # compresses badly
    if extra == "assocalpha":
        wanted[:, :, :-1][mask] = np.fmin(noise[:, :, :-1], wanted[:, :, -1:])[mask]
    else:
        wanted[mask] = noise[mask]
    data = write(stored if channels > 1 else stored[:, :, 0], **options)
    return Sample(data, pixels, mask, wanted, options)


def stored_of(sample: Sample, pixels: Samples) -> Samples:
    """Pixels as seen -> as the file holds them."""
    found = pixels.copy()
    if sample.options["photometric"] == "miniswhite":
        found[:, :, 0] = np.iinfo(found.dtype).max - found[:, :, 0]
    return found
