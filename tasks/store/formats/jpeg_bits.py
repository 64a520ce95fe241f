"""Symbols to bytes: bits side by side, stuffed zeros, restart markers (ITU-T T.81, F.1.2.3 and E.1.4)."""

import numpy as np

from tasks.store.formats.jpeg_symbols import RESTART, Items


class BitWriter:
    """Entropy-coded data of one scan, from parts in their order.

    `codes` uint32 and `lengths` uint8, both (2050,): the code of each key of `Items`.
    """

    def __init__(self, codes: np.ndarray, lengths: np.ndarray) -> None:
        self._codes, self._lengths = codes, lengths
        # Bits that do not fill a byte yet: value and count.
        self._left = (0, 0)
        self._restarts = 0

    def add(self, items: Items) -> bytes:
        """The bytes that these items complete."""
        lengths = np.empty(len(items.key) + 1, np.uint8)
        values = np.empty(len(lengths), np.uint32)
        values[0], lengths[0] = self._left
        np.add(self._lengths[items.key], items.size, out=lengths[1:])
        np.bitwise_or(self._codes[items.key] << items.size, items.extra, out=values[1:])
        restarts = np.flatnonzero(items.key == RESTART) + 1
        if len(restarts):
            # Ones fill the byte before a marker.
            before = np.cumsum(lengths, dtype=np.int64)[restarts - 1]
            fill = -np.diff(before, prepend=0) % 8
            lengths[restarts], values[restarts] = fill, (1 << fill) - 1
        ends = np.cumsum(lengths, dtype=np.int64)
        whole = int(ends[-1]) // 8
        packed = _packed(values, ends, lengths)
        self._left = (int(packed[whole]) >> (8 - ends[-1] % 8) if ends[-1] % 8 else 0, int(ends[-1]) % 8)
        return self._marked(packed[:whole], ends[restarts] // 8)

    def finish(self) -> bytes:
        """The last byte, filled with ones."""
        value, count = self._left
        self._left = (0, 0)
        last = [(value + 1 << 8 - count) - 1] if count else []
        return self._marked(np.array(last, np.uint8), np.zeros(0, np.int64))

    def _marked(self, packed: np.ndarray, restarts: np.ndarray) -> bytes:
        """With a zero after each 0xff, and restart markers before the bytes at `restarts`."""
        stuffed = np.flatnonzero(packed == 0xFF) + 1
        numbers = (np.arange(len(restarts)) + self._restarts) % 8
        self._restarts += len(restarts)
        markers = np.stack((np.full(len(restarts), 0xFF), 0xD0 + numbers), axis=1).reshape(-1)
        # Where both come, the zero belongs to what is before the marker: insert() keeps their order.
        at = np.concatenate((stuffed, np.repeat(restarts, 2)))
        added = np.concatenate((np.zeros(len(stuffed), np.int64), markers))
        return np.insert(packed, at, added).tobytes()


def _packed(values: np.ndarray, ends: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Bytes of the bit strings side by side, most significant bit first, zeros behind; each at most 32 bits."""
    starts = ends - lengths
    word, offset = starts >> 5, starts & 31
    wide = values.astype(np.uint64) << (64 - offset - lengths).astype(np.uint64)
    words = np.zeros(int(ends[-1] >> 5) + 3, np.uint32)
    first = np.flatnonzero(np.diff(word, prepend=-1))
    joined = np.bitwise_or.reduceat(wide, first)
    words[word[first]] = (joined >> np.uint64(32)).astype(np.uint32)
    words[word[first] + 1] |= joined.astype(np.uint32)
    return words.astype(">u4").view(np.uint8)
