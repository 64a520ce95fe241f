import heapq
import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.formats.jpeg_huffman import HuffmanTable, optimal


def shortest(frequencies: list[int]) -> int:
    """Bits of a Huffman code without limits."""
    heap = list(frequencies)
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    return total


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.dictionaries(st.integers(0, 255), st.integers(1, 10**6), min_size=1, max_size=256))
def test_codes(frequencies: dict[int, int]) -> None:
    counts = np.zeros(256, np.int64)
    for symbol, count in frequencies.items():
        counts[symbol] = count
    table = optimal(counts)
    codes, lengths = table.codes()
    assert sorted(table.symbols) == sorted(frequencies)
    assert sum(table.counts) == len(frequencies)
    assert lengths.max() <= 16
    words = sorted(f"{int(codes[s]):0{int(lengths[s])}b}" for s in frequencies)
    assert not any(later.startswith(word) for word, later in itertools.pairwise(words))
    assert not any(set(word) == {"1"} for word in words)
    # The code of ones costs less than a bit a symbol, and the limit of 16 bits little.
    bits = sum(count * int(lengths[s]) for s, count in frequencies.items())
    assert bits <= 1.01 * shortest([*frequencies.values(), 1]) + 1


def test_lengths_stay_within_sixteen_bits() -> None:
    counts = np.zeros(256, np.int64)
    counts[:40] = [int(1.7**i) + 1 for i in range(40)]
    table = optimal(counts)
    assert len(table.counts) == 16
    assert sum(n / 2 ** (i + 1) for i, n in enumerate(table.counts)) < 1


def test_payload() -> None:
    table = HuffmanTable((0, 2) + (0,) * 14, (5, 9))
    assert table.payload(1, 3) == b"\x13\0\2" + bytes(14) + b"\5\x09"
    codes, lengths = table.codes()
    assert (codes[5], codes[9], lengths[5], lengths[9], lengths[6]) == (0, 1, 2, 2, 0)
