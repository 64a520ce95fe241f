import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import MaskCoversAll
from tasks.fill import fill, sections
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
    assert np.abs(done.pixels[core] - 0.25 * full).max() <= (1e-6 if dtype == "float32" else 1)  # dithered
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


class Oracle:
    """Knows the truth: what it is shown still lies in the hole."""

    def fill(self, crops, masks):
        return list(crops)


def _disc(height: int, width: int, radius: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (y - height // 2) ** 2 + (x - width // 2) ** 2 <= radius**2


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_what_the_generator_knows_comes_back_exactly(dtype: str, channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    full = 1 if dtype == "float32" else np.iinfo(dtype).max
    image = (rng.random((90, 110, channels)) * full).astype(dtype)
    done = fill_image(image, _disc(90, 110, 20), Oracle())
    assert np.abs(done.pixels.astype(float) - image).max() <= (1e-6 if dtype == "float32" else 0)


def test_a_gradient_of_few_steps_is_dithered_unless_it_goes_to_jpeg() -> None:
    """The hole holds floats between the 8-bit steps: in the mean over 8 × 8 pixels they are there, or lost."""
    truth = np.linspace(0.40, 0.42, 256, dtype=np.float32)[None, :, None].repeat(128, axis=0).repeat(3, axis=2)

    class Ramp:
        def fill(self, crops, masks):
            return [truth]

    image = np.rint(truth * 255).astype(np.uint8)
    core = np.zeros((128, 256), bool)
    core[16:112, 16:240] = True
    inner = slice(24, 104), slice(24, 232)

    def banding(**kwargs) -> float:
        done = fill_image(image, core, Ramp(), **kwargs)
        wrong = (done.pixels.astype(float) - truth * 255.0)[inner]
        return float(np.sqrt((wrong.reshape(10, 8, 26, 8, 3).mean(axis=(1, 3)) ** 2).mean()))

    assert banding() < 0.02
    assert banding(dither=False) > 0.2
    assert banding(settings=FillSettings(dither=False)) > 0.2


def test_grey_stored_as_rgb_stays_grey() -> None:
    class Tinted:
        def fill(self, crops, masks):
            return [crop * np.float32([0.9, 1, 1.1]).clip(0, 1) for crop in crops]

    image = np.random.default_rng(0).integers(0, 256, (90, 110, 1), dtype=np.uint8).repeat(3, axis=2)
    core = _disc(90, 110, 20)
    done = fill_image(image, core, Tinted()).pixels
    assert (done == done[:, :, :1]).all()
    image[0, 0, 0] ^= 1  # far away: it does not matter
    done = fill_image(image, core, Tinted()).pixels
    assert (done[1:] == done[1:, :, :1]).all()
    image[45, 28, 0] ^= 1  # beside the hole
    done = fill_image(image, core, Tinted()).pixels
    assert (done[core] != done[core][:, :1]).any()


@given(seed=st.integers(0, 2**32 - 1), channels=st.sampled_from([1, 3]), dilation=st.integers(0, 4))
@settings(max_examples=30, deadline=None)
def test_floats_of_any_bits_stay_outside_and_are_numbers_inside(seed: int, channels: int, dilation: int) -> None:
    """NaN with a payload, infinity, denormals, huge values."""
    rng = np.random.default_rng(seed)
    image = rng.random((60, 70, channels)).astype(np.float32)
    wild = rng.integers(0, 2**32, image.shape, dtype=np.uint32).view(np.float32)
    image = np.where(rng.random(image.shape) < 0.1, wild, image)
    core = _disc(60, 70, 9)
    done = fill_image(image, core, Oracle(), MaskSettings(dilate_px=dilation, feather_px=dilation))
    assert (done.pixels.view(np.uint32)[~done.mask] == image.view(np.uint32)[~done.mask]).all()
    assert np.isfinite(done.pixels[done.mask]).all()
    assert not np.shares_memory(done.pixels, image)


@pytest.mark.parametrize(("low", "high"), [(0, 50), (-3000, 4000), (0.1, 0.101), (0, 1e-4)])
def test_floats_of_any_range_are_filled_in_their_range(low: float, high: float) -> None:
    y, x = np.mgrid[:120, :140].astype(np.float32) / 140
    truth = (low + (high - low) * (0.6 * x + 0.4 * y))[:, :, None].astype(np.float32)
    core = _disc(120, 140, 20)
    image = np.where(core[:, :, None], np.float32(np.nan), truth)

    class Plane:
        """Continues a plane by least squares."""

        def fill(self, crops, masks):
            filled = []
            for crop, mask in zip(crops, masks, strict=True):
                y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
                design = np.stack([np.ones_like(x), y, x], axis=2).astype(float)
                best = np.linalg.lstsq(design[~mask], crop[~mask], rcond=None)[0]
                filled.append((design @ best).astype(np.float32))
            return filled

    done = fill_image(image, core, Plane())
    assert np.abs(done.pixels - truth).max() < 2e-3 * (high - low)


def test_what_lies_in_the_hole_does_not_matter() -> None:
    """Also not for the range that floats are shown by, nor for what is carried over the hole."""
    rng = np.random.default_rng(0)
    image = (rng.random((90, 110, 3)) * 7).astype(np.float32)
    core = _disc(90, 110, 20)
    settings_ = MaskSettings(dilate_px=0, feather_px=0)
    one = fill_image(image, core, Grey(), settings_)
    image[core] = rng.random((core.sum(), 3)) * 1e6
    assert (fill_image(image, core, Grey(), settings_).pixels[core] == one.pixels[core]).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("passes", [("regions",), ("whole",), ("whole", "regions")])
def test_in_place_makes_the_same_pixels_in_the_array_itself(
    dtype: str, passes: tuple[str, ...], mean_generator
) -> None:
    """Also of an image that lies beside its alpha, and where a pass works after another has filled its holes."""
    rng = np.random.default_rng(5)
    full = 1 if dtype == "float32" else np.iinfo(dtype).max
    image = (rng.random((150, 170, 4)) * full).astype(dtype)
    core = _disc(150, 170, 40)
    core[5:9, 5:9] = True
    settings_ = FillSettings(passes=passes, merge_px=4)
    done = fill_image(image[:, :, :3].copy(), core, mean_generator, settings=settings_)
    before = image.copy()
    again = fill_image(image[:, :, :3], core, mean_generator, settings=settings_, in_place=True)
    assert np.shares_memory(again.pixels, image)
    assert (again.pixels == done.pixels).all()
    assert (image[:, :, 3] == before[:, :, 3]).all()
    assert (again.mask == done.mask).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("passes", [("regions",), ("whole",)])
def test_a_long_hole_is_worked_on_in_parts_and_they_do_not_show(
    dtype: str, passes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Integers to the bit; floats that have to be carried past the generator within what their parts see otherwise."""
    rng = np.random.default_rng(3)
    height, width = 260, 700
    y, x = np.mgrid[:height, :width] / width
    smooth = np.stack([0.2 + 0.5 * x, 0.6 - 0.3 * y, 0.3 + 0.2 * x * y], axis=2)
    full = 40.0 if dtype == "float32" else np.iinfo(dtype).max
    image = ((smooth + rng.normal(0, 0.01, smooth.shape)).clip(0, 1) * full).astype(dtype)
    core = np.zeros((height, width), np.uint8)
    cv2.polylines(core, [np.array([[-5, 20], [200, 180], [420, 60], [720, 240]], np.int32)[:, None]], False, 1, 9)
    core[100:102, 300:302] = 1
    settings_ = FillSettings(passes=passes)

    class Blurred:
        def fill(self, crops, masks):
            return [cv2.blur(crop, (31, 31)) for crop in crops]

    plain = fill_image(image, core.astype(bool), Blurred(), settings=settings_)
    for module in (sections, fill):
        monkeypatch.setattr(module, "LARGE_PX", 5000)
    parts = fill_image(image, core.astype(bool), Blurred(), settings=settings_)
    assert len(parts.holes) == len(plain.holes)
    assert any(len(sections.sections_of(each.hole)) > 2 for each in parts.holes)
    if dtype == "float32":
        assert np.abs(parts.pixels - plain.pixels).max() < 0.02 * full
        assert (parts.pixels == plain.pixels)[~plain.mask].all()
    else:
        assert (parts.pixels == plain.pixels).all()
