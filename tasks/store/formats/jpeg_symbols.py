"""Coefficients to Huffman symbols: what T.81 calls the statistical model (F.1.2, G.1.2), over many blocks at a time.

Blocks come in the order in which a scan codes them. Nothing here knows codes or bits' places: see jpeg_huffman and
jpeg_bits.
"""

from typing import NamedTuple

import numpy as np

from tasks.errors import ImageUnreadable

RAW = 2048  # the key of bits that no symbol announces
RESTART = 2049  # the key of a restart marker
_ZRL = 0xF0  # sixteen zeros
# Bits that a magnitude 0 … 65535 needs, and the mask of so many bits.
_SIZE = np.repeat(np.arange(17), [1, *(1 << np.arange(16))]).astype(np.uint8)
_ONES = ((1 << np.arange(17)) - 1).astype(np.uint16)


class Items(NamedTuple):
    """What is written, in its order: a symbol, then `size` bits whose value is `extra`.

    `key` uint16 is 256 × the table's row + the symbol, or RAW, or RESTART; `extra` uint16, `size` uint8.
    """

    key: np.ndarray
    extra: np.ndarray
    size: np.ndarray

    def inserted(self, at: np.ndarray, key: int) -> "Items":
        """With items of `key` and no bits before those at `at`."""
        return Items(np.insert(self.key, at, key), np.insert(self.extra, at, 0), np.insert(self.size, at, 0))


class Coded(NamedTuple):
    """Items of some blocks, and `starts` (n,) int64: how many come before each block."""

    items: Items
    starts: np.ndarray


def dc(differences: np.ndarray, rows: np.ndarray) -> Items:
    """One item a block: the DC difference (n,) integer, with the table's row (n,)."""
    sizes = _sizes(np.abs(differences))
    extra = (differences - (differences < 0)).astype(np.uint16) & _ONES[sizes]
    return Items((256 * rows + sizes).astype(np.uint16), extra, sizes)


def dc_refinement(values: np.ndarray, low: int) -> Items:
    """One bit a block: bit `low` of DC values (n,)."""
    bits = (values >> low & 1).astype(np.uint16)
    return Items(np.full(len(bits), RAW, np.uint16), bits, np.ones(len(bits), np.uint8))


def sequential(first: Items, values: np.ndarray, rows: np.ndarray) -> Coded:
    """Items of whole blocks: `first`, one a block, then AC coefficients (n, 63) int16 in zigzag order, tables `rows`."""
    found = _NonZero(values, 0)
    chains = _Chains(found, found.zeros(), None, reserved=1)
    made = chains.items(found.sizes(), *found.bits())
    per_block = np.diff(chains.starts, append=chains.total)
    np.add(made.key, np.repeat((256 * rows).astype(np.uint16), per_block), out=made.key)
    for column, head in zip(made, first, strict=True):
        column[chains.starts] = head
    return Coded(made, chains.starts)


def ac(values: np.ndarray, low: int, breaks: np.ndarray) -> Coded:
    """Items of a progressive scan's first bits, down to `low`, of AC coefficients (n, K) int16 in zigzag order.

    `breaks` (n,) bool: runs of ended blocks do not go into these. n < 2¹⁵. Table row 0.
    """
    found = _NonZero(values, low)
    chains = _Chains(found, found.zeros(), breaks)
    return Coded(chains.items(found.sizes(), *found.bits()), chains.starts)


def ac_refinement(values: np.ndarray, low: int, breaks: np.ndarray) -> Coded:
    """Items of the next bit, `low`, of AC coefficients (n, K) int16 in zigzag order (G.1.2.3); else as `ac`.

    A coefficient that becomes non-zero is a symbol with its sign; one that was so before gives a bit, which comes after
    the symbol whose zeros pass it.
    """
    found = _NonZero(values, low)
    fresh = found.magnitudes == 1
    order = np.arange(len(fresh))
    # Zeros are counted from the last symbol of the block, or from its begin; what was non-zero before is no zero.
    first = np.repeat(found.until - found.counts, found.counts)
    after = np.concatenate(([0], np.maximum.accumulate(np.where(fresh, order + 1, 0))))[:-1]
    base = np.where(after > first, found.at[after - 1], found.block * found.width - 1)
    zeros = found.at - base - 1 - (order - np.maximum(first, after))
    old = ~fresh
    signs = (found.values[fresh] > 0).astype(np.uint16)
    symbols = found.only(fresh)
    chains = _Chains(symbols, zeros[fresh], breaks)
    ones = np.ones(len(signs), np.uint8)
    owners = chains.owners(np.cumsum(fresh)[old], found.block[old], zeros[old])
    items = chains.items(ones, signs, ones)
    return _corrected(Coded(items, chains.starts), owners, (found.magnitudes[old] & 1).astype(np.uint16))


class _NonZero:
    """The coefficients of (n, width) that are not zero without their lowest bits, in order.

    `at` is where they are among all, `block` in which, `counts` and `until` (n,) how many per block and up to its end.
    """

    def __init__(self, values: np.ndarray, low: int) -> None:
        self.width = values.shape[1]
        magnitudes = np.abs(values).view(np.uint16)
        if low:
            magnitudes >>= low
        flat = magnitudes.reshape(-1)
        self.at = np.flatnonzero(flat)
        self.magnitudes, self.values = flat[self.at], values.reshape(-1)[self.at]
        self.counts = np.count_nonzero(magnitudes, axis=1)
        self._join()

    def _join(self) -> None:
        self.until = np.cumsum(self.counts)
        self.block = np.repeat(np.arange(len(self.counts)), self.counts)

    def only(self, chosen: np.ndarray) -> "_NonZero":
        """Some of them."""
        some = object.__new__(_NonZero)
        some.width, some.at = self.width, self.at[chosen]
        some.magnitudes, some.values = self.magnitudes[chosen], self.values[chosen]
        some.counts = np.bincount(self.block[chosen], minlength=len(self.counts))
        some._join()
        return some

    def zeros(self) -> np.ndarray:
        """Of each, the zeros before it in its block."""
        zeros = np.diff(self.at, prepend=-1) - 1
        blocks = np.flatnonzero(self.counts)
        firsts = (self.until - self.counts)[blocks]
        zeros[firsts] = self.at[firsts] - blocks * self.width
        return zeros

    def tails(self) -> np.ndarray:
        """(n,) bool: does anything follow a block's last?"""
        tails = np.ones(len(self.counts), bool)
        blocks = np.flatnonzero(self.counts)
        tails[blocks] = self.at[self.until[blocks] - 1] - blocks * self.width < self.width - 1
        return tails

    def sizes(self) -> np.ndarray:
        """Bits of each magnitude."""
        return _sizes(self.magnitudes)

    def bits(self) -> tuple[np.ndarray, np.ndarray]:
        """The bits after each symbol (F.1.2.1.1), of a negative value those of its magnitude inverted; and how many."""
        sizes = _sizes(self.magnitudes)
        negative = (self.values >> 15).view(np.uint16)
        return (self.magnitudes ^ negative) & _ONES[sizes], sizes


class _Chains:
    """Where symbols are: of each non-zero coefficient a chain of ZRL and its own, then the block's end.

    `zeros`: those before each coefficient; `reserved`: places kept at each block's begin. Without `breaks` every block
    ends by itself.
    """

    def __init__(self, found: _NonZero, zeros: np.ndarray, breaks: np.ndarray | None, reserved: int = 0) -> None:
        self.zeros, self.until = zeros, found.until
        tails, count = found.tails(), len(found.counts)
        ends = np.concatenate(([0], np.cumsum((zeros >> 4) + 1)))
        begun = tails
        if breaks is not None:
            begun = tails & (breaks | (found.counts > 0) | ~np.concatenate(([False], tails[:-1])))
        earlier = np.cumsum(begun) - begun + reserved * np.arange(count)
        self.starts = ends[found.until - found.counts] + earlier
        self.places = ends[1:] + np.repeat(earlier + (reserved - 1), found.counts)
        self.closing = (ends[found.until] + earlier + reserved)[begun]
        self.run_of = np.cumsum(begun) - 1
        covered = np.cumsum(tails)
        self.runs = np.diff(covered[begun] - 1, append=covered[-1])
        self.total = int(ends[-1] + begun.sum()) + reserved * count

    def items(self, nibbles: np.ndarray, extra: np.ndarray, size: np.ndarray) -> Items:
        """All symbols; `nibbles` is the lower half of each coefficient's, `extra` and `size` its bits."""
        key = np.full(self.total, _ZRL, np.uint16)
        made = Items(key, np.zeros(self.total, np.uint16), np.zeros(self.total, np.uint8))
        made.key[self.places] = (self.zeros & 15) << 4 | nibbles
        made.extra[self.places], made.size[self.places] = extra, size
        bits = _SIZE[self.runs] - 1
        made.key[self.closing] = bits.astype(np.uint16) << 4
        made.extra[self.closing], made.size[self.closing] = self.runs & _ONES[bits], bits
        return made

    def owners(self, before: np.ndarray, block: np.ndarray, zeros: np.ndarray) -> np.ndarray:
        """Of each correction bit the symbol that it follows.

        `before`: how many coefficients with a symbol come before it; `zeros`: the zeros since the last of them.
        """
        passed = before < self.until[block]
        owners = np.empty(len(block), np.int64)
        following = before[passed]
        owners[passed] = self.places[following] - (self.zeros[following] >> 4) + (zeros[passed] >> 4)
        owners[~passed] = self.closing[self.run_of[block[~passed]]]
        return owners


def _corrected(coded: Coded, owners: np.ndarray, bits: np.ndarray) -> Coded:
    """With correction bits, each after its owner."""
    items, starts = coded
    count = len(items.key)
    shift = np.concatenate(([0], np.cumsum(np.bincount(owners, minlength=count))))
    places = np.arange(count) + shift[:-1]
    total = count + len(owners)
    made = Items(np.full(total, RAW, np.uint16), np.zeros(total, np.uint16), np.ones(total, np.uint8))
    for column, source in zip(made, items, strict=True):
        column[places] = source
    made.extra[np.arange(len(owners)) + owners + 1] = bits
    return Coded(made, starts + shift[starts])


def _sizes(magnitudes: np.ndarray) -> np.ndarray:
    if len(magnitudes) and magnitudes.max() >= 1 << 15:
        raise ImageUnreadable("JPEG: coefficients that no code can carry")
    sizes: np.ndarray = _SIZE[magnitudes]
    return sizes
