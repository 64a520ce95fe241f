"""Entropy coding of a scan, by Huffman tables made for it: sequential and progressive, with restart intervals.

jpeglib writes neither progressive scans nor restart markers nor a fourth component, and not the original's scans; so
they are coded here.
"""

import struct
from collections.abc import Iterator

import numpy as np

from tasks.store.formats import jpeg_huffman, jpeg_symbols
from tasks.store.formats.jpeg_bits import BitWriter
from tasks.store.formats.jpeg_frame import ZIGZAG, Frame
from tasks.store.formats.jpeg_scans import Scan
from tasks.store.formats.jpeg_symbols import RAW, RESTART, Items

_AT_ONCE = 1 << 14  # blocks; fewer than 2¹⁵, which no run of ended blocks may exceed


def encode(planes: list[np.ndarray], frame: Frame, scan: Scan) -> tuple[bytes, bytes]:
    """The DHT segment that the scan needs (none: empty), and its entropy-coded data.

    `planes` (rows, columns, 64) int16 of every component of the frame. Raises ImageUnreadable for coefficients that
    are out of any range.
    """
    parts = list(_parts(planes, frame, scan))
    frequencies = np.sum([np.bincount(part.key, minlength=RESTART + 1) for part in parts], axis=0)
    codes, lengths = np.zeros(RESTART + 1, np.uint32), np.zeros(RESTART + 1, np.uint8)
    payload = b""
    for row in range(RAW // 256):
        place = slice(256 * row, 256 * row + 256)
        if np.any(frequencies[place]):
            table = jpeg_huffman.optimal(frequencies[place])
            codes[place], lengths[place] = table.codes()
            payload += table.payload(row // 4, row % 4)
    tables = b"\xff\xc4" + struct.pack(">H", 2 + len(payload)) + payload if payload else b""
    writer = BitWriter(codes, lengths)
    return tables, b"".join([*(writer.add(part) for part in parts), writer.finish()])


def _parts(planes: list[np.ndarray], frame: Frame, scan: Scan) -> Iterator[Items]:
    """The scan's items, some rows of units (MCU) at a time."""
    before = np.zeros(len(scan.components), np.int64)
    units = 0
    for blocks, owner in _slabs(planes, frame, scan):
        # (units, blocks of a unit, 64) of which component `owner` says.
        count, each = blocks.shape[:2]
        begins = np.zeros(count, bool)
        if scan.restart:
            begins = np.arange(units, units + count) % scan.restart == 0
            begins[0] &= units > 0
        units += count
        flat = blocks.reshape(-1, 64)
        if scan.first == 0:
            values, changes = _dc(blocks, owner, begins, before, scan.low)
        owners = np.tile(owner, count)
        rows = np.array(scan.dc)[owners], np.array(scan.ac)[owners] + 4
        if scan.first == 0 and scan.last > 0:
            first = jpeg_symbols.dc(changes, rows[0])
            coded = jpeg_symbols.sequential(first, np.take(flat, ZIGZAG[1:], axis=1), rows[1])
        elif scan.first == 0:
            items = jpeg_symbols.dc_refinement(values, scan.low) if scan.high else jpeg_symbols.dc(changes, rows[0])
            coded = jpeg_symbols.Coded(items, np.arange(count * each))
        else:
            band = np.take(flat, ZIGZAG[scan.first : scan.last + 1], axis=1)
            coded = (
                jpeg_symbols.ac_refinement(band, scan.low, begins)
                if scan.high
                else jpeg_symbols.ac(band, scan.low, begins)
            )
            keys = coded.items.key
            keys[keys < RAW] += np.uint16(256 * rows[1][0])
        restarts = coded.starts.reshape(count, each)[begins, 0]
        yield coded.items.inserted(restarts, RESTART) if len(restarts) else coded.items


def _dc(
    blocks: np.ndarray, owner: np.ndarray, begins: np.ndarray, before: np.ndarray, low: int
) -> tuple[np.ndarray, np.ndarray]:
    """DC values (n,) of all blocks in order, and (n,) their differences without the lowest bits; `before` goes on."""
    values = blocks[:, :, 0].astype(np.int64)
    changes = np.empty_like(values)
    for component in range(len(before)):
        own = owner == component
        part = values[:, own] >> low
        flat = part.reshape(-1)
        change = np.diff(flat, prepend=before[component]).reshape(part.shape)
        change[begins, 0] = part[begins, 0]
        changes[:, own] = change
        before[component] = flat[-1]
    return values.reshape(-1), changes.reshape(-1)


def _slabs(planes: list[np.ndarray], frame: Frame, scan: Scan) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(units, blocks of a unit, 64) int16, and (blocks of a unit,) which of the scan's components each belongs to."""
    chosen = [planes[i] for i in scan.components]
    if len(chosen) == 1:
        sampling = [(1, 1)]
    else:
        sampling = [(frame.components[i].vertical, frame.components[i].horizontal) for i in scan.components]
    high = -(-chosen[0].shape[0] // sampling[0][0])
    wide = -(-chosen[0].shape[1] // sampling[0][1])
    owner = np.repeat(np.arange(len(chosen)), [v * h for v, h in sampling])
    step = max(1, _AT_ONCE // (wide * len(owner)))
    for top in range(0, high, step):
        rows = min(step, high - top)
        parts = [_units(plane, v, h, top, rows, wide) for plane, (v, h) in zip(chosen, sampling, strict=True)]
        yield (np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]), owner


def _units(plane: np.ndarray, vertical: int, horizontal: int, top: int, rows: int, wide: int) -> np.ndarray:
    """(rows × wide, vertical × horizontal, 64): a component's blocks, unit by unit.

    Units reach beyond the picture: blocks there cost least as the unit's block before, without AC (as libjpeg does).
    """
    part = plane[top * vertical : (top + rows) * vertical]
    have, across = part.shape[:2]
    if (have, across) != (rows * vertical, wide * horizontal):
        whole = np.zeros((rows * vertical, wide * horizontal, 64), part.dtype)
        whole[:have, :across] = part
        whole[:have, across:, 0] = part[:, -1:, 0]
        whole[have:, :, 0] = np.repeat(whole[have - 1, horizontal - 1 :: horizontal, 0], horizontal)
        part = whole
    units = part.reshape(rows, vertical, wide, horizontal, 64).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(units).reshape(rows * wide, vertical * horizontal, 64)
