import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import MaskCoversAll
from tasks.fill.fill import fill_image
from tasks.fill.settings import FillSettings, MaskSettings


class Grey:
    def fill(self, crops, masks):
        return [np.full_like(crop, 0.25) for crop in crops]


@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    channels=st.sampled_from([1, 3]),
    dilation=st.integers(0, 5),
    passes=st.sampled_from([("whole",), ("regions",), ("whole", "regions")]),
)
@settings(max_examples=60, deadline=None)
def test_outside_the_dilated_mask_nothing_changes(
    seed: int, dtype: str, channels: int, dilation: int, passes: tuple[str, ...]
) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(v) for v in rng.integers(9, 200, 2))
    full = 1.0 if dtype == "float32" else np.iinfo(dtype).max
    image = (rng.random((*shape, channels)) * full).astype(dtype)
    core = np.zeros(shape, bool)
    for _ in range(3):
        y, x = (int(rng.integers(0, n)) for n in shape)
        core[y : y + 6, x : x + 9] = True
    before = image.copy()
    try:
        done = fill_image(
            image, core, Grey(), MaskSettings(dilate_px=dilation, feather_px=dilation // 2), FillSettings(passes=passes)
        )
    except MaskCoversAll:
        return
    assert done.pixels.dtype == image.dtype
    assert done.pixels.shape == image.shape
    assert (image == before).all()
    assert (done.pixels[~done.mask] == image[~done.mask]).all()
    expected = 0.25 if dtype == "float32" else round(0.25 * full)
    assert np.allclose(done.pixels[core], expected, atol=1e-6)
    assert sum(d.hole.area for d in done.holes) == done.mask.sum()


def test_a_mask_that_covers_all_once_dilated_is_refused() -> None:
    core = np.zeros((9, 9), bool)
    core[1:8, 1:8] = True
    with pytest.raises(MaskCoversAll, match="dilated"):
        fill_image(np.zeros((9, 9, 3), np.uint8), core, Grey(), MaskSettings(dilate_px=3))


def test_the_result_does_not_depend_on_other_holes(mean_generator) -> None:
    """Holes far apart, with the mean of their own surroundings: filling both equals filling each."""
    rng = np.random.default_rng(3)
    image = rng.integers(0, 255, (120, 900, 3), dtype=np.uint8)
    left, right = np.zeros((2, 120, 900), bool)
    left[50:60, 40:60] = right[40:70, 800:810] = True
    both = fill_image(image, left | right, mean_generator)
    one, other = fill_image(image, left, mean_generator), fill_image(image, right, mean_generator)
    assert (both.pixels[one.mask] == one.pixels[one.mask]).all()
    assert (both.pixels[other.mask] == other.pixels[other.mask]).all()
