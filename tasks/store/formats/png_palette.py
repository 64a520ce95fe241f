"""Palette PNGs: their table, and a new fill that leaves them what they are (PNG specification, §11.2.2, §11.3.1.1)."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.errors import ImageUnreadable
from tasks.store.formats.palette import Repainted, repaint
from tasks.store.formats.png_chunks import chunk, first
from tasks.store.formats.png_samples import indices
from tasks.store.formats.png_transparency import transparency

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Painted:
    """Samples (H, W) uint8 for the scanlines, chunks that have to change with them, by type, and notes for the row."""

    samples: Bytes
    chunks: dict[bytes, bytes]
    notes: tuple[str, ...] = ()


def table_of(data: bytes, alpha: bool) -> Bytes:
    """The palette (K, 3) uint8, with `alpha` (K, 4): entries beyond those that tRNS names are opaque."""
    colours = np.frombuffer(first(data, b"PLTE") or b"", np.uint8)
    table = colours[: len(colours) // 3 * 3].reshape(-1, 3)[: 1 << data[24]]
    if not len(table):
        raise ImageUnreadable("PNG: an empty palette")
    if not alpha:
        return table
    opacity = np.full(len(table), 255, np.uint8)
    levels = np.frombuffer(transparency(data) or b"", np.uint8)[: len(table)]
    opacity[: len(levels)] = levels
    return np.column_stack([table, opacity])


def painted(pixels: Bytes, original: bytes, mask: NDArray[np.bool_], alpha: bool) -> Painted:
    """A palette PNG with a new fill: pixels (H, W, 3, or 4 with `alpha`) uint8, mask (H, W) bool.

    New colours go to the end of PLTE or to entries that no pixel uses, never to the background's (bKGD); tRNS and hIST
    change only for them. Raises ImageUnreadable.
    """
    table, before = table_of(original, alpha), indices(original)
    if before.shape != mask.shape:
        raise ImageUnreadable("PNG: the pixels do not fit the header")
    background = first(original, b"bKGD")
    # A list of transparency that is ignored, because it is longer than the palette, must not come to count.
    ignored = not alpha and first(original, b"tRNS") is not None
    capacity = len(table) if ignored else 1 << original[24]
    done = repaint(before, pixels, mask, table, alpha, capacity, background[:1] if background else ())
    changed = {}
    if done.added:
        changed[b"PLTE"] = chunk(b"PLTE", done.table[:, :3].tobytes())
        changed |= _transparency(done, original) if alpha else {}
        changed |= _histogram(done, original, len(table))
    return Painted(done.indices, changed, done.notes)


def _transparency(done: Repainted, original: bytes) -> dict[bytes, bytes]:
    opacity = done.table[:, 3]
    size = max(len(transparency(original) or b""), int(np.flatnonzero(opacity < 255).max(initial=-1)) + 1)
    return {b"tRNS": chunk(b"tRNS", opacity[:size].tobytes())}


def _histogram(done: Repainted, original: bytes, size: int) -> dict[bytes, bytes]:
    """hIST (§11.3.4.1) with approximate frequencies for the entries that are new, at the scale of the others."""
    payload = first(original, b"hIST")
    if payload is None or len(payload) != 2 * size:
        return {}
    old = np.array(struct.unpack(f">{size}H", payload))
    wide = np.pad(old, (0, len(done.table) - size))
    new = list(done.added)
    share = np.bincount(done.indices.reshape(-1), minlength=256)[new] * (old.sum() / done.indices.size)
    wide[new] = np.clip(np.rint(share), 1, 65535)
    return {b"hIST": chunk(b"hIST", wide.astype(">u2").tobytes())}
