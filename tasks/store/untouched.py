"""Whether an output equals its original outside the mask: the promise, checked from the two files alone."""

import numpy as np

from tasks.store.formats.header import Header
from tasks.store.formats.jpeg_compare import changed_blocks
from tasks.store.image import decode, read_header
from tasks.store.settings import OutputSettings

_ROWS = 256  # compared at once: no mask of the size of a scan beside two scans


def changed_outside(
    original: bytes, output: bytes, mask: np.ndarray, settings: OutputSettings, max_mp: float
) -> str | None:
    """What of `output` is not as in `original` outside `mask` (H, W) bool; None where nothing differs.

    JPEG: blocks that hold no pixel of the mask, by their coefficients; other formats: pixels, alpha included, as stored.
    What the settings have coded anew as a whole (`output.jpeg_splice` off, `output.webp_quality`) is compared by its
    header only. Raises what `tasks.store.image.read_header` and `decode` raise, of either file.
    """
    headers = [read_header(data, max_mp) for data in (original, output)]
    if said := _other_header(*headers):
        return said
    header = headers[0]
    if header.format == "jpeg":
        if not settings.jpeg_splice:
            return None
        try:
            changed = changed_blocks(original, output, mask)
        except ValueError as error:
            return str(error)
        return f"{changed} JPEG blocks without a masked pixel differ" if changed else None
    if header.format == "webp" and settings.webp_quality:
        return None
    before, after = (decode(data, header) for data in (original, output))
    changed = sum(
        _changed(before[top : top + _ROWS], after[top : top + _ROWS], mask[top : top + _ROWS])
        for top in range(0, header.height, _ROWS)
    )
    return f"{changed} pixels outside the mask differ" if changed else None


def _other_header(original: Header, output: Header) -> str | None:
    names = ("format", "width", "height", "bit_depth", "model", "alpha", "orientation")
    pairs = [(name, getattr(original, name), getattr(output, name)) for name in names]
    said = [f"{name} {before} → {after}" for name, before, after in pairs if before != after]
    return ", ".join(said) or None


def _changed(before: np.ndarray, after: np.ndarray, mask: np.ndarray) -> int:
    """Pixels (h, w, C) that differ outside `mask` (h, w); a NaN equals the same NaN."""
    unsigned = f"u{before.dtype.itemsize}"
    differs = (np.ascontiguousarray(before).view(unsigned) != np.ascontiguousarray(after).view(unsigned)).any(axis=2)
    return int(np.count_nonzero(differs & ~mask))
