import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.errors import ImageUnreadable
from tasks.store.formats.png_chunks import SIGNATURE
from tasks.store.formats.png_samples import indices, packed
from tests.tasks.store.formats.pngs import GREY, PALETTE, chunk, listed, png


@settings(derandomize=True, deadline=None)
@given(st.sampled_from([1, 2, 4, 8]), st.booleans(), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_what_is_packed_is_read(depth: int, interlaced: bool, height: int, width: int, seed: int) -> None:
    samples = np.random.default_rng(seed).integers(0, 1 << depth, (height, width), np.uint8)
    plte = chunk(b"PLTE", bytes(3 * (1 << depth)))
    original = png(np.zeros((height, width, 1), int), depth, PALETTE, plte, interlaced=interlaced)
    coded = SIGNATURE + b"".join(chunk(*c) for c in listed(original)[:2]) + packed(samples, depth, interlaced)
    coded += chunk(b"IEND", b"")
    assert np.array_equal(indices(coded), samples)
    assert np.array_equal(indices(png(samples[..., None], depth, PALETTE, plte, interlaced=interlaced)), samples)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(coded))), samples)


def test_long_data_make_several_chunks() -> None:
    samples = np.random.default_rng(0).integers(0, 256, (1200, 1000), np.uint8)
    coded = packed(samples, 8, False)
    parts = listed(b"        " + coded)
    assert [kind for kind, _ in parts] == [b"IDAT", b"IDAT"]


def test_texts_and_size_of_a_picture_are_not_pillow_s_business() -> None:
    huge = png(np.zeros((1, 1, 1), int), 8, PALETTE, chunk(b"PLTE", bytes(3)) + chunk(b"zTXt", b"a\0\0" + b"no zlib"))
    assert indices(huge).shape == (1, 1)
    width = 20000
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("error")
        patch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        plte = chunk(b"PLTE", bytes(3))
        assert indices(png(np.zeros((2, width, 1), int), 1, PALETTE, plte)).shape == (2, width)


def test_damage_is_unreadable() -> None:
    grey = png(np.zeros((9, 9, 1), int), 8, GREY)
    whole = png(np.ones((9, 9, 1), int), 8, PALETTE, chunk(b"PLTE", bytes(6)))
    for data in (grey, SIGNATURE, SIGNATURE + chunk(b"IHDR", bytes(13)), whole[:80], whole.replace(b"IDAT", b"IDAX")):
        with pytest.raises(ImageUnreadable):
            indices(data)
