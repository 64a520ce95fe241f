import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import ImageUnreadable
from tasks.store.formats import jpeg_symbols
from tasks.store.formats.jpeg_symbols import RAW, RESTART, Items

SEEDED = settings(derandomize=True, deadline=None, max_examples=150)
Item = tuple[int, int, int]


@st.composite
def bands(draw: st.DrawFn, width: int | None = None) -> tuple[np.ndarray, np.ndarray, int]:
    """(n, K) int16 with many zeros, breaks (n,), low."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    count, size = draw(st.integers(1, 12)), width or draw(st.sampled_from((1, 5, 40, 63)))
    values = rng.integers(-40, 41, (count, size)) * (
        rng.random((count, size)) < draw(st.sampled_from((0, 0.03, 0.3, 1)))
    )
    return values.astype(np.int16), rng.random(count) < 0.2, draw(st.integers(0, 4))


def listed(items: Items) -> list[Item]:
    return list(zip(*(column.tolist() for column in items), strict=True))


def signed(value: int) -> tuple[int, int]:
    """(size, bits) of a value, after T.81, F.1.2.1."""
    size = abs(value).bit_length()
    return size, value if value > 0 else value + (1 << size) - 1


def progressive(values: np.ndarray, breaks: np.ndarray, low: int, refine: bool) -> list[Item]:
    """Figures G.3 to G.9 of T.81, coefficient by coefficient."""
    out: list[Item] = []
    run, pending = 0, []

    def flush() -> None:
        nonlocal run, pending
        if run:
            size = run.bit_length() - 1
            out.append((size << 4, run - (1 << size), size))
        out.extend((RAW, bit, 1) for bit in pending)
        run, pending = 0, []

    for block, first in zip(values.tolist(), breaks, strict=True):
        if first:
            flush()
        shifted = [abs(v) >> low for v in block]
        news = [k for k, m in enumerate(shifted) if (m == 1 if refine else m)]
        last = news[-1] if news else -1
        zeros, bits = 0, []
        for k, magnitude in enumerate(shifted):
            if not magnitude:
                zeros += 1
                continue
            while zeros > 15 and k <= last:
                flush()
                out.append((0xF0, 0, 0))
                out.extend((RAW, bit, 1) for bit in bits)
                zeros, bits = zeros - 16, []
            if refine and magnitude > 1:
                bits.append(magnitude & 1)
                continue
            flush()
            value = magnitude if block[k] > 0 else -magnitude
            size, extra = (1, int(value > 0)) if refine else signed(value)
            out.append((zeros << 4 | size, extra, size))
            out.extend((RAW, bit, 1) for bit in bits)
            zeros, bits = 0, []
        if last < len(block) - 1:
            run += 1
            pending += bits
    flush()
    return out


@SEEDED
@given(bands())
def test_first_bits_of_a_progression(band: tuple[np.ndarray, np.ndarray, int]) -> None:
    values, breaks, low = band
    coded = jpeg_symbols.ac(values, low, breaks)
    assert listed(coded.items) == progressive(values, breaks, low, refine=False)


@SEEDED
@given(bands())
def test_refining_bits_of_a_progression(band: tuple[np.ndarray, np.ndarray, int]) -> None:
    values, breaks, low = band
    coded = jpeg_symbols.ac_refinement(values, low, breaks)
    assert listed(coded.items) == progressive(values, breaks, low, refine=True)


@SEEDED
@given(bands())
def test_parts_begin_at_breaks(band: tuple[np.ndarray, np.ndarray, int]) -> None:
    values, breaks, low = band
    for code in (jpeg_symbols.ac, jpeg_symbols.ac_refinement):
        whole = code(values, low, breaks)
        for at in np.flatnonzero(breaks):
            none = np.zeros(at, bool)
            head = code(values[:at], low, breaks[:at] | none) if at else None
            assert whole.starts[at] == (len(head.items.key) if head else 0)


@SEEDED
@given(bands(63), st.integers(0, 10**6))
def test_sequential_blocks(band: tuple[np.ndarray, np.ndarray, int], seed: int) -> None:
    values, *_ = band
    rng = np.random.default_rng(seed)
    differences = rng.integers(-2047, 2048, len(values))
    rows = rng.integers(0, 4, (2, len(values)))
    coded = jpeg_symbols.sequential(jpeg_symbols.dc(differences, rows[0]), values, rows[1] + 4)
    expected: list[Item] = []
    starts = []
    for difference, block, dc, ac in zip(differences.tolist(), values, *rows.tolist(), strict=True):
        starts.append(len(expected))
        size, bits = signed(difference)
        expected.append((256 * dc + size, bits, size))
        # Each block by itself is a progression of one.
        alone = progressive(block[None], np.zeros(1, bool), 0, refine=False)
        expected += [(256 * (ac + 4) + key, extra, size) for key, extra, size in alone]
    assert listed(coded.items) == expected
    assert coded.starts.tolist() == starts


def test_dc_refinement_and_inserted_items() -> None:
    items = jpeg_symbols.dc_refinement(np.array([-1, 2, 4]), 1)
    assert listed(items) == [(RAW, 1, 1), (RAW, 1, 1), (RAW, 0, 1)]
    assert [key for key, *_ in listed(items.inserted(np.array([0, 2]), RESTART))] == [RESTART, RAW, RAW, RESTART, RAW]


def test_values_out_of_any_range() -> None:
    none = np.zeros(1, bool)
    with pytest.raises(ImageUnreadable):
        jpeg_symbols.ac(np.array([[-32768]], np.int16), 0, none)
    with pytest.raises(ImageUnreadable):
        jpeg_symbols.dc(np.array([40000]), np.zeros(1, np.int64))
