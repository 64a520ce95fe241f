import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tasks.errors import MaskAmbiguous
from tasks.fill.orientation import as_stored, over_stored, shown_shape, upright

ORIENTATIONS = range(1, 9)
STORED = np.arange(6, dtype=np.uint8).reshape(2, 3)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_upright_is_what_a_viewer_shows(orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    file = io.BytesIO()
    Image.fromarray(STORED).save(file, "png", exif=exif)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(file)))
    np.testing.assert_array_equal(upright(STORED, orientation), shown)
    assert shown.shape == shown_shape((2, 3), orientation)


@given(st.integers(1, 8), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3))
def test_back_and_forth(orientation: int, height: int, width: int, channels: int) -> None:
    pixels = np.random.default_rng(0).random((height, width, channels))
    np.testing.assert_array_equal(as_stored(upright(pixels, orientation), orientation), pixels)
    np.testing.assert_array_equal(upright(as_stored(pixels, orientation), orientation), pixels)


def drawn(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), dtype=bool)
    mask[0, : width // 2] = True
    return mask


@pytest.mark.parametrize("policy", ["auto", "viewer", "stored"])
def test_an_upright_image_takes_its_mask_as_it_is(policy: str) -> None:
    found = over_stored(drawn(4, 6), drawn(4, 6), 1, policy)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, drawn(4, 6))


@pytest.mark.parametrize("orientation", ORIENTATIONS[1:])
def test_the_policy_decides(orientation: int) -> None:
    stored, shown = drawn(4, 6), drawn(*shown_shape((4, 6), orientation))
    np.testing.assert_array_equal(over_stored(stored, shown, orientation, "stored"), stored)
    np.testing.assert_array_equal(over_stored(stored, shown, orientation, "viewer"), as_stored(shown, orientation))
    assert over_stored(None, shown, orientation, "stored") is None
    assert over_stored(stored, None, orientation, "viewer") is None


@pytest.mark.parametrize("orientation", ORIENTATIONS[1:])
def test_auto_takes_what_fits_and_refuses_what_is_ambiguous(orientation: int) -> None:
    stored, shown = drawn(4, 6), drawn(*shown_shape((4, 6), orientation))
    np.testing.assert_array_equal(over_stored(stored, None, orientation, "auto"), stored)
    np.testing.assert_array_equal(over_stored(None, shown, orientation, "auto"), as_stored(shown, orientation))
    assert over_stored(None, None, orientation, "auto") is None
    with pytest.raises(MaskAmbiguous, match=r"mask\.orientation"):
        over_stored(stored, shown, orientation, "auto")
    same = upright(stored, orientation)
    np.testing.assert_array_equal(over_stored(stored, same.astype(bool), orientation, "auto"), stored)
