import itertools
import sys
import zlib

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import ImageTruncated, ImageUnreadable
from tasks.store.formats.tiff_codec import pack, predict, unpack, unpredict
from tasks.store.formats.tiff_kind import DEFLATE, LZMA, LZW, NONE, OLD_DEFLATE, PACKBITS, ZSTD
from tests.tasks.store.formats.tiff_files import picture, same

ALL = [NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD]
LENIENT = {
    LZW: imagecodecs.lzw_decode,
    DEFLATE: zlib.decompress,
    OLD_DEFLATE: zlib.decompress,
    PACKBITS: imagecodecs.packbits_decode,
    LZMA: imagecodecs.lzma_decode,
    ZSTD: imagecodecs.zstd_decode,
}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(ALL),
    st.integers(1, 40),
    st.integers(1, 300),
    st.integers(0, 1 << 32),
    st.sampled_from([1, 2, 5, 256]),
)
def test_compression(compression: int, rows: int, row_bytes: int, seed: int, levels: int) -> None:
    raw = np.random.default_rng(seed).integers(0, levels, rows * row_bytes, dtype=np.uint8).tobytes()
    coded = pack(raw, compression, row_bytes, 2)
    assert bytes(unpack([coded], compression, row_bytes, [rows])[0]) == raw
    if compression != NONE:
        assert bytes(LENIENT[compression](coded)) == raw
    if compression != ZSTD:  # some writers pad, or count rows that are not there
        assert bytes(unpack([memoryview(coded + bytes(1))], compression, row_bytes, [rows])[0]) == raw
        few = max(1, rows - 1) if row_bytes < 256 else rows
        assert bytes(unpack([coded], compression, row_bytes, [few])[0]) == raw[: few * row_bytes]


@pytest.mark.parametrize("compression", ALL)
def test_many_at_a_time(compression: int) -> None:
    rng = np.random.default_rng(0)
    raws = [rng.integers(0, 9, 30 * rows, dtype=np.uint8).tobytes() for rows in (4, 4, 4, 2)]
    coded = [pack(raw, compression, 30, 1) for raw in raws]
    assert [bytes(raw) for raw in unpack(coded, compression, 30, [4, 4, 4, 2])] == raws


@pytest.mark.parametrize("compression", ALL)
def test_damage(compression: int) -> None:
    """Never another length, another error, or a crash: imagecodecs' own LZW decoder would crash on some of these."""
    rng = np.random.default_rng(1)
    raw = np.cumsum(rng.integers(-3, 4, 6000)).astype(np.uint8).tobytes()
    coded = pack(raw, compression, 600, 1)
    assert compression == NONE or len(coded) > 300
    outcomes = set()
    for number in range(300):
        damaged = bytearray(coded)
        for at in rng.integers(0, len(damaged), rng.integers(1, 12)):
            damaged[at] = rng.integers(256)
        if number % 3 == 0:
            damaged = bytearray(coded[: rng.integers(0, len(coded))])
        try:
            (found,) = unpack([bytes(damaged)], compression, 600, [10])
            assert len(found) == 6000
            outcomes.add("decoded")
        except (ImageTruncated, ImageUnreadable) as error:
            outcomes.add(type(error).__name__)
    assert outcomes & {"ImageTruncated", "ImageUnreadable"}


@pytest.mark.parametrize("compression", [NONE, LZW, DEFLATE, PACKBITS, LZMA])
def test_chunks_that_end_early_are_truncated(compression: int) -> None:
    coded = pack(bytes(range(200)) * 3, compression, 60, 1)
    with pytest.raises(ImageTruncated):
        unpack([coded], compression, 60, [11])
    with pytest.raises((ImageTruncated, ImageUnreadable)):
        unpack([coded[: len(coded) // 2]], compression, 60, [10])


@pytest.mark.parametrize("compression", [DEFLATE, LZMA, ZSTD])
def test_bombs_stay_small(compression: int) -> None:
    coded = pack(bytes(50_000_000), compression, 1000, 1)
    assert len(coded) < 60_000
    try:
        assert len(unpack([coded], compression, 1000, [2])[0]) == 2000
    except ImageUnreadable:
        assert compression == ZSTD


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.sampled_from(["uint8", "uint16", "float32"]),
    st.integers(1, 3),
    st.sampled_from("<>"),
    st.integers(1, 9),
    st.integers(1, 30),
    st.integers(1, 5),
)
def test_predictors(kind: str, predictor: int, order: str, rows: int, columns: int, depth: int) -> None:
    if predictor == 3 and kind != "float32":
        predictor = 2
    pixels = picture(rows, columns, depth, kind, columns)
    dtype = np.dtype(kind).newbyteorder(order)  # type: ignore[arg-type]
    raw = predict(pixels, dtype, predictor)
    assert len(raw) == pixels.nbytes
    found = unpredict(raw, pixels.shape, dtype, predictor)
    assert same(found.astype(kind), pixels)
    assert predictor == 1 or found.dtype.isnative
    if predictor == 3:
        reference = imagecodecs.floatpred_encode(pixels, axis=-2)
        assert raw == np.asarray(reference).tobytes() or sys.byteorder == "big"
    if predictor == 2 and kind != "float32":
        reference = imagecodecs.delta_encode(pixels, axis=-2)
        assert same(np.frombuffer(raw, dtype).reshape(pixels.shape).astype(kind), np.asarray(reference))


def test_packed_rows_end_with_the_row() -> None:
    row = bytes([7] * 40)
    coded = pack(row * 3, PACKBITS, 40, 1)
    assert coded == pack(row, PACKBITS, 40, 1) * 3


def test_all_pairs_are_known() -> None:
    assert len(set(itertools.chain(ALL))) == 7
