"""Huffman tables of a JPEG, made for the symbols at hand (ITU-T T.81, annexes C and K.2)."""

import heapq
from dataclasses import dataclass

import numpy as np

_LONGEST = 16


@dataclass(frozen=True)
class HuffmanTable:
    """`counts[i]` codes are i + 1 bits long; `symbols` in the order of their codes."""

    counts: tuple[int, ...]
    symbols: tuple[int, ...]

    def payload(self, kind: int, number: int) -> bytes:
        """Of a DHT segment; `kind` 0 for DC, 1 for AC."""
        return bytes((kind << 4 | number, *self.counts, *self.symbols))

    def codes(self) -> tuple[np.ndarray, np.ndarray]:
        """Code (256,) uint32 and length (256,) uint8 of each symbol (C.2); length 0 where there is none."""
        codes, lengths = np.zeros(256, np.uint32), np.zeros(256, np.uint8)
        code, at = 0, 0
        for length, count in enumerate(self.counts, 1):
            for symbol in self.symbols[at : at + count]:
                codes[symbol], lengths[symbol] = code, length
                code += 1
            at += count
            code <<= 1
        return codes, lengths


def optimal(frequencies: np.ndarray) -> HuffmanTable:
    """The table that makes symbols of these frequencies (256,) shortest, codes up to 16 bits; some frequency is > 0."""
    # A symbol that never comes takes the code of ones only, which is forbidden (K.2); it has the longest code.
    heap = [(1, 256, [256])]
    heap += [(int(frequencies[s]), int(s), [int(s)]) for s in np.flatnonzero(frequencies)]
    heapq.heapify(heap)
    sizes = dict.fromkeys((s for _, _, (s,) in heap), 0)
    while len(heap) > 1:
        one, other = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in one[2] + other[2]:
            sizes[symbol] += 1
        heapq.heappush(heap, (one[0] + other[0], max(one[1], other[1]), one[2] + other[2]))
    counts = np.bincount(list(sizes.values()), minlength=_LONGEST + 1)
    for length in range(len(counts) - 1, _LONGEST, -1):
        while counts[length]:
            # Two leaves go: one takes their parent's place, the other shares that of a shorter code (figure K.3).
            shorter = next(i for i in range(length - 2, 0, -1) if counts[i])
            counts[length] -= 2
            counts[length - 1] += 1
            counts[shorter] -= 1
            counts[shorter + 1] += 2
    counts = counts[: _LONGEST + 1]
    counts[np.flatnonzero(counts)[-1]] -= 1
    del sizes[256]
    return HuffmanTable(tuple(counts[1:].tolist()), tuple(sorted(sizes, key=lambda s: (sizes[s], s))))
