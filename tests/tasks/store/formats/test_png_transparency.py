import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.formats.png_transparency import key_of, keyed, transparency
from tests.tasks.store.formats.pngs import GREY, PALETTE, RGB, RGB_ALPHA, chunk, png


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_low_bits_count(depth: int) -> None:
    data = png(np.zeros((1, 1, 1), int), depth, GREY, chunk(b"tRNS", struct.pack(">H", 0xABCD)))
    assert key_of(data).tolist() == [0xABCD & ((1 << depth) - 1)]
    if depth >= 8:
        data = png(np.zeros((1, 1, 3), int), depth, RGB, chunk(b"tRNS", struct.pack(">3H", 1, 2, 3)))
        assert key_of(data).tolist() == [1, 2, 3]


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 3]), st.sampled_from(["uint8", "uint16"]), st.integers(0, 2))
def test_what_is_seen_is_never_the_key(seed: int, channels: int, dtype: str, end: int) -> None:
    rng = np.random.default_rng(seed)
    full = np.iinfo(dtype).max
    key = np.full(channels, (0, full, full // 3)[end], np.uint16)
    near = key.astype(int) + rng.integers(-1, 2, (9, 9, channels)) * (rng.random((9, 9, 1)) < 0.5)
    alpha = rng.choice([0, full], (9, 9, 1))
    pixels = np.concatenate([near.clip(0, full), alpha], axis=2).astype(dtype)
    mask = rng.random((9, 9)) < 0.7
    colours = keyed(pixels, mask, key)
    assert colours.dtype == dtype
    assert np.array_equal(colours[~mask], pixels[..., :-1][~mask])
    clear = (colours == key).all(axis=2)
    assert np.array_equal(clear[mask], alpha[..., 0][mask] == 0)
    seen = mask & (alpha[..., 0] > 0)
    off = colours.astype(int) - pixels[..., :-1]
    assert np.abs(off[seen]).max(initial=0) <= 1
    assert not off[seen][..., :-1].any()


def test_the_first_that_is_whole_in_its_place_and_of_the_right_size() -> None:
    plte, damaged = chunk(b"PLTE", bytes(6)), chunk(b"tRNS", b"\7")[:-1] + b"?"
    good, late, long = chunk(b"tRNS", b"\1\2"), chunk(b"tRNS", b"\3\4"), chunk(b"tRNS", bytes(3))
    one = np.zeros((1, 1, 1), int)
    for before, found in (
        (plte + good + late, b"\1\2"),
        (late + plte + good, b"\1\2"),
        (plte + long + damaged + good, b"\1\2"),
        (plte + chunk(b"tRNS", b""), None),
        (plte, None),
    ):
        assert transparency(png(one, 8, PALETTE, before)) == found
    assert transparency(png(one, 8, PALETTE, plte, good)) is None
    assert transparency(png(one, 8, GREY, late + long)) == b"\3\4"
    assert transparency(png(np.zeros((1, 1, 4), int), 8, RGB_ALPHA, good)) is None
