from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data as photos

from tasks.store.formats.tiff_directory import first, pages
from tasks.store.formats.tiff_likeness import Likeness
from tasks.store.formats.tiff_picture import Picture
from tests.tasks.store.formats.tiff_files import write, write_pages

CAT = np.ascontiguousarray(photos.chelsea()[:300, :450])
CUP = np.ascontiguousarray(photos.coffee()[:400, :600])


def likeness(pixels: np.ndarray, mask: np.ndarray | None = None, **options: Any) -> Likeness:
    mask = np.zeros(pixels.shape[:2], bool) if mask is None else mask
    result = pixels.copy()
    result[mask] = 0
    return Likeness(Picture(first(write(pixels, **options))), result, mask)


def small(pixels: np.ndarray, factor: float, how: int = cv2.INTER_AREA) -> np.ndarray:
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=how))


@pytest.mark.parametrize("factor", [0.04, 0.15, 0.5, 0.77])
@pytest.mark.parametrize("how", [cv2.INTER_AREA, cv2.INTER_NEAREST, cv2.INTER_LANCZOS4])
@pytest.mark.parametrize("masked", [0.0, 0.4, 1.0])
def test_the_same_picture(factor: float, how: int, masked: float) -> None:
    mask = np.zeros(CAT.shape[:2], bool)
    mask[: round(300 * masked)] = True
    found = likeness(CAT, mask)
    if factor < 0.1:  # of a photograph that every 25th pixel is of, not much is left
        how = cv2.INTER_AREA
    for other in (small(CAT, factor, how), cv2.cvtColor(small(CAT, factor, how), cv2.COLOR_RGB2GRAY)):
        assert found.shows(Picture(first(write(other))))
    deep = (small(CAT, factor, how) / 255.0) ** 2.2  # linear light, in another depth
    assert found.shows(Picture(first(write(deep.astype(np.float32)))))
    assert not found.shows(Picture(first(write(small(CUP, factor, how)))))
    assert not found.shows(Picture(first(write(small(CAT[::-1], factor, how)))))


def test_plain_pictures() -> None:
    grey = np.full((100, 100, 3), 100, np.uint8)
    for level, same in ((100, True), (103, True), (120, False)):
        assert likeness(grey).shows(Picture(first(write(np.full((50, 50, 3), level, np.uint8))))) == same
    assert not likeness(grey).shows(Picture(first(write(small(CAT, 0.2)))))


def test_cmyk() -> None:
    ink = np.dstack([255 - CAT, np.zeros(CAT.shape[:2], np.uint8)])
    found = likeness(ink, photometric="separated")
    assert found.shows(Picture(first(write(small(CAT, 0.3)))))
    assert likeness(CAT).shows(Picture(first(write(small(ink, 0.3), photometric="separated"))))


def test_shapes() -> None:
    found = likeness(CAT)
    assert all(found.shape_of(*size) for size in ((300, 450), (150, 225), (75, 112), (75, 113), (600, 900), (30, 45)))
    assert not any(found.shape_of(*size) for size in ((450, 300), (150, 200), (120, 160), (300, 440)))


def test_pages_that_only_libvips_decodes() -> None:
    data = write_pages(
        [(CAT, {}), (small(CAT, 0.5), {"compression": "jpeg"}), (small(CUP, 0.3), {"compression": "webp"})]
    )
    found = Likeness(Picture(pages(data)[0].directory), CAT, np.zeros(CAT.shape[:2], bool))
    assert found.shown_by_page(data, 1) is True
    assert found.shown_by_page(data, 2) in (False, None)
    at = int(pages(data)[1].directory.array(273)[0])
    assert found.shown_by_page(data[:at] + bytes(len(data) - at), 1) is None


def test_equality_is_exact() -> None:
    found = likeness(CAT, np.eye(300, 450, dtype=bool))
    assert found.equals(Picture(first(write(CAT, compression="lzw"))))
    for y in (0, 7):
        other = CAT.copy()
        other[7, y] ^= 1
        assert not found.equals(Picture(first(write(other))))
    assert not found.equals(Picture(first(write(CAT.astype(np.uint16)))))
