from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tasks.store.formats.vips import image_of, library, pixels_of, set_threads
from tasks.store.image import decode, encode, read_header


@pytest.fixture
def threads() -> Iterator[None]:
    before = library().concurrency_get()
    yield
    set_threads(before)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3)])
def test_arrays_and_images(channels: int, dtype: type, size: tuple[int, int]) -> None:
    pixels = np.arange(size[0] * size[1] * channels).reshape(*size, channels).astype(dtype)
    back = pixels_of(image_of(pixels))
    assert back.dtype == dtype
    assert np.array_equal(back, pixels)
    assert np.array_equal(pixels_of(image_of(pixels[::-1, ::-1])), pixels[::-1, ::-1])


def test_results_do_not_depend_on_threads(kind: str, picture: Any, threads: None) -> None:
    data, pixels = picture(kind, size=(600, 700))
    results = []
    for number in (1, 2, 5):
        set_threads(number)
        assert library().concurrency_get() == number
        decoded = decode(data, read_header(data, 1))
        assert np.array_equal(decoded, pixels)
        results.append(encode(pixels[::-1], data).data)
    assert results[0] == results[1] == results[2]


def test_nothing_is_cached(picture: Any) -> None:
    data, _ = picture("png")
    decode(data, read_header(data, 1))
    assert library().Operation is not None
    assert library().vips_lib.vips_cache_get_size() == 0
