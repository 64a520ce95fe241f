import hashlib
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.errors import MaskAmbiguous, MaskMissing, MaskSizeMismatch
from tasks.fill.colour import Plain
from tasks.fill.orientation import as_stored, upright
from tasks.fill.settings import MaskSettings
from tasks.publish.schema import Row
from tasks.run.hole import find_hole
from tasks.run.job import ItemSpec
from tasks.store.formats.header import Header
from tests.support import encoded, spots

SIZE = (20, 30)
MASK = spots(*SIZE, 1)
HOLE = MASK >= 128


def found(
    *masks: bytes,
    orientation: int = 1,
    boxes: list[list[int]] | None = None,
    pixels: np.ndarray | None = None,
    header: Header | None = None,
    row: Row | None = None,
    **policy: Any,
) -> np.ndarray:
    header = header or Header("png", SIZE[1], SIZE[0], 8, orientation=orientation)
    pixels = np.zeros((*SIZE, header.channels), header.dtype) if pixels is None else pixels
    files = {f"mask {n}": mask for n, mask in enumerate(masks)}
    asked = None if boxes is None else json.dumps(boxes)
    spec = ItemSpec("id", "image", tuple(files), asked, "image", None, "v", "m")
    settings = MaskSettings(**policy)
    return find_hole(spec, pixels, header, Plain(), settings, files.__getitem__, 10, {} if row is None else row)


def with_orientation(mask: np.ndarray, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "png", exif=exif)
    return file.getvalue()


def test_masks_are_united_and_their_digests_are_kept() -> None:
    other = spots(*SIZE, 2)
    row: Row = {}
    files = [encoded(MASK, ".png"), encoded(other, ".png")]
    np.testing.assert_array_equal(found(*files, row=row), HOLE | (other >= 128))
    assert row["mask_sha256"] == "\n".join(hashlib.sha256(data).hexdigest() for data in files)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_mask_drawn_over_the_turned_picture_fits_only_that(orientation: int) -> None:
    drawn = upright(MASK, orientation)
    np.testing.assert_array_equal(found(encoded(drawn, ".png"), orientation=orientation), HOLE)
    np.testing.assert_array_equal(found(encoded(MASK, ".png"), orientation=orientation), HOLE)
    with pytest.raises(MaskSizeMismatch, match=f"orientation {orientation}"):
        found(encoded(np.zeros((7, 9), np.uint8), ".png"), orientation=orientation)


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_where_both_readings_fit_the_policy_must_say(orientation: int) -> None:
    file = encoded(MASK, ".png")
    with pytest.raises(MaskAmbiguous):
        found(file, orientation=orientation)


def test_a_mask_with_an_orientation_of_its_own() -> None:
    """A mask made from a copy of the photo keeps the photo's tag: in a viewer both are turned alike."""
    np.testing.assert_array_equal(found(with_orientation(MASK, 6), orientation=6), HOLE)
    np.testing.assert_array_equal(found(with_orientation(MASK, 3), orientation=3), HOLE)


def test_boxes_follow_the_orientation() -> None:
    drawn = np.zeros((30, 20), dtype=bool)
    drawn[25:29, 2:5] = True
    boxes = [[2, 25, 3, 4]]
    with pytest.raises(MaskAmbiguous):
        found(boxes=[[1, 2, 3, 4]], orientation=6, source="boxes")
    np.testing.assert_array_equal(found(boxes=boxes, orientation=6, source="boxes"), as_stored(drawn, 6))


def test_a_mask_of_another_size() -> None:
    with pytest.raises(MaskSizeMismatch, match=r"30×20.*20×30.*mask 0"):
        found(encoded(MASK.T, ".png"))


def test_alpha_is_told_by_the_header_not_by_the_channels() -> None:
    pixels = np.zeros((*SIZE, 4), np.uint8)
    with pytest.raises(MaskMissing, match="no alpha"):
        found(pixels=pixels, header=Header("tiff", 30, 20, 8, "cmyk"), source="alpha")
    pixels[3:5, 6:9, 3] = 255
    hole = found(pixels=pixels, header=Header("png", 30, 20, 8, "rgb", alpha=True), source="alpha")
    np.testing.assert_array_equal(hole, pixels[:, :, 3] == 0)


@pytest.mark.parametrize(("dtype", "depth"), [(np.uint8, 8), (np.uint16, 16), (np.float32, 32)])
def test_a_key_colour_in_any_depth(dtype: type, depth: int) -> None:
    full = 1.0 if depth == 32 else np.iinfo(dtype).max  # type: ignore[type-var]
    pixels = np.full((*SIZE, 3), full * 0.5, dtype)
    pixels[4:7, 5:9] = np.array([full, 0, full])
    hole = found(pixels=pixels, header=Header("tiff", 30, 20, depth), source="colour")
    expected = np.zeros(SIZE, dtype=bool)
    expected[4:7, 5:9] = True
    np.testing.assert_array_equal(hole, expected)


def test_an_ignored_mask_is_empty_and_not_even_read() -> None:
    assert not found(b"not an image", ignore=True).any()
