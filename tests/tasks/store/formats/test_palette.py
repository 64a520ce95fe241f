import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.store.formats.dither import distance
from tasks.store.formats.palette import repaint


def sky(height: int = 80, width: int = 100) -> np.ndarray:
    """A smooth sky, (H, W, 3) uint8."""
    y, x = np.mgrid[:height, :width]
    return np.stack([90 + y, 140 + x / 2 + y / 4, 235 - y / 4], axis=2).astype(np.uint8)


def box(height: int = 80, width: int = 100) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[height // 4 : -height // 4, width // 4 : -width // 4] = True
    return mask


def quantised(pixels: np.ndarray, colours: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (H, W) and table (K, 3)."""
    picture = Image.fromarray(pixels).quantize(colours, dither=Image.Dither.NONE)
    return np.asarray(picture), np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)[:colours]


@settings(derandomize=True, deadline=None)
@given(st.data())
def test_known_pixels_and_the_entries_they_use_stay(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    shape = data.draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    capacity = data.draw(st.sampled_from([2, 4, 16, 256]))
    entries = data.draw(st.integers(1, capacity))
    alpha = data.draw(st.booleans())
    table = rng.integers(0, 256, (entries, 3 + alpha), np.uint8)
    if alpha:
        table[:, 3] = rng.choice([0, 255, 130], entries)
    # Damaged files have indices beyond the table: they stay, and never come to show anything.
    indices = rng.integers(0, data.draw(st.integers(1, capacity)), shape).astype(np.uint8)
    mask = rng.random(shape) < data.draw(st.floats(0, 1))
    pixels = rng.integers(0, data.draw(st.sampled_from([2, 256])), (*shape, 3 + alpha)).astype(np.uint8)
    reserved = [int(i) for i in rng.integers(0, entries, data.draw(st.integers(0, 2)))]
    done = repaint(indices, pixels, mask, table, alpha, capacity, reserved)
    assert np.array_equal(done.indices[~mask], indices[~mask])
    assert entries <= len(done.table) <= capacity
    kept = {*indices[~mask].tolist(), *reserved}
    assert not kept & set(done.added)
    assert max(indices[~mask & (indices >= entries)], default=256) >= len(done.table)
    untouched = [n for n in range(entries) if n not in done.added]
    assert np.array_equal(done.table[untouched], table[untouched])
    shown = done.table[np.minimum(done.indices[mask], len(done.table) - 1)]
    assert (done.indices[mask] < len(done.table)).all()
    if done.exact:
        seen = pixels[mask] if not alpha else pixels[mask][pixels[mask][:, 3] > 0]
        assert np.array_equal(shown if not alpha else shown[pixels[mask][:, 3] > 0], seen)
    again = repaint(indices, pixels, mask, table, alpha, capacity, reserved)
    assert np.array_equal(again.indices, done.indices)
    assert np.array_equal(again.table, done.table)


def test_a_fill_of_colours_that_are_there_is_exact() -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(0, 256, (256, 3), np.uint8)
    indices, wanted = rng.integers(0, 256, (2, 80, 100), np.uint8)
    done = repaint(indices, table[wanted], box(), table)
    assert (done.exact, done.added, done.notes) == (True, (), ())
    assert np.array_equal(done.table[done.indices][box()], table[wanted][box()])


def test_colours_are_added_where_there_is_room() -> None:
    table = np.array([[0, 0, 0], [255, 255, 255], [0, 0, 255]], np.uint8)
    indices = np.random.default_rng(0).integers(0, 3, (80, 100), np.uint8)
    pixels = np.zeros((80, 100, 3), np.uint8)
    pixels[:, 40:] = 200, 10, 10
    pixels[:, 70:] = 20, 200, 10
    done = repaint(indices, pixels, box(), table)
    assert done.exact
    assert done.added == (3, 4)
    assert done.notes == ("palette: 2 colours added",)
    assert np.array_equal(done.table[done.indices][box()], pixels[box()])


def test_entries_that_nothing_uses_are_room_too() -> None:
    """Unused ones and those that only the old content of the hole had; reserved ones are not."""
    table = np.arange(16, dtype=np.uint8)[:, None].repeat(3, axis=1) * 5
    indices = np.tile(np.arange(80) % 3, (80, 1)).astype(np.uint8)
    indices[box(80, 80)] = 7
    pixels = np.full((80, 80, 3), 250, np.uint8)
    pixels[:, 30:, 0] = 0
    done = repaint(indices, pixels, box(80, 80), table, capacity=16, reserved=(3, 5))
    assert done.exact
    assert done.added == (4, 6)
    assert repaint(indices, pixels, box(80, 80), table, capacity=16, reserved=range(16)).notes == (
        "palette kept; the fill is dithered to its colours",
    )


@pytest.mark.parametrize("room", [0, 100])
def test_a_smooth_fill_does_not_band(room: int) -> None:
    """Blurred as an eye would, the fill is what was wanted, also where all 256 entries are taken."""
    picture = np.random.default_rng(0).normal(0, 12, (80, 100, 3)) + sky()
    indices, table = quantised(np.clip(picture, 0, 255).astype(np.uint8), 256 - room)
    done = repaint(indices, sky(), box(), table)
    assert bool(done.added) == (room > 0)
    assert "dithered" in done.notes[0]
    shown = done.table[done.indices]
    off = cv2.GaussianBlur(shown.astype(np.float32), (0, 0), 3) - cv2.GaussianBlur(sky().astype(np.float32), (0, 0), 3)
    inside = cv2.erode(box().astype(np.uint8), np.ones((13, 13))) > 0
    assert np.sqrt(np.square(off[inside]).mean()) < (2 if room else 4)
    assert np.abs(off[inside].mean(axis=0)).max() < (0.5 if room else 1.5)
    # And no single pixel is far off: the dither is between near colours.
    assert np.median(distance(shown[inside], sky()[inside])) < (6 if room else 20)


def test_alpha_is_kept_apart() -> None:
    """Opaque pixels take opaque entries, however near a transparent one is; transparent ones a transparent one."""
    rng = np.random.default_rng(0)
    table = np.array([[200, 0, 0, 0], [0, 0, 0, 255], [255, 255, 255, 255], [201, 0, 0, 128]], np.uint8)
    indices = rng.integers(0, 4, (20, 20), np.uint8)
    pixels = np.full((20, 20, 4), (200, 0, 0, 255), np.uint8)
    pixels[:, 8:12, 3] = 0
    pixels[:, 12:, 3] = 128
    for capacity in (4, 256):
        done = repaint(indices, pixels, np.ones((20, 20), bool) & (np.arange(20) > 1), table, True, capacity)
        assert np.array_equal(done.table[done.indices][:, 2:, 3], pixels[:, 2:, 3])
    assert np.array_equal(done.table[done.indices][:, 2:8], pixels[:, 2:8])


def test_new_colours_leave_some_entry_of_every_alpha() -> None:
    """The second is unused, and neither shows what is wanted."""
    table = np.array([[0, 0, 0, 255], [0, 0, 0, 128]], np.uint8)
    mask = np.arange(64).reshape(8, 8) > 0
    pixels = np.random.default_rng(0).integers(100, 200, (8, 8, 4)).astype(np.uint8)
    pixels[..., 3] = np.where(np.arange(8) < 6, 255, 128)
    done = repaint(np.zeros((8, 8), np.uint8), pixels, mask, table, True, capacity=2)
    assert np.array_equal(done.table[done.indices][..., 3], pixels[..., 3])


def test_where_an_alpha_is_missing_it_is_added_or_the_nearest_taken() -> None:
    table = np.array([[9, 9, 9, 255], [90, 90, 90, 0], [99, 99, 99, 40]], np.uint8)
    indices = np.tile(np.arange(3, dtype=np.uint8), (12, 4))
    pixels = np.full((12, 12, 4), (9, 9, 9, 200), np.uint8)
    mask = np.zeros((12, 12), bool)
    mask[4:8, 4:8] = True
    full = repaint(indices, pixels, mask, table, True, capacity=3)
    assert (full.indices[mask] == 0).all()
    roomy = repaint(indices, pixels, mask, table, True, capacity=4)
    assert roomy.exact
    assert roomy.table[3].tolist() == [9, 9, 9, 200]


def test_line_art_gets_neither_dots_nor_a_third_colour() -> None:
    page = np.zeros((120, 160), np.uint8)
    cv2.putText(page, "text", (10, 80), cv2.FONT_HERSHEY_SIMPLEX, 2, 1, 4)
    mask = np.zeros(page.shape, bool)
    mask[50:70, 60:100] = True
    soft = cv2.GaussianBlur(page * 255.0, (0, 0), 1.2)[..., None].repeat(3, axis=2).astype(np.uint8)
    table = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)
    done = repaint(page, soft, mask, table)
    assert done.added == ()
    assert np.array_equal(done.indices[mask], soft[mask][:, 0] > 127)


def test_a_halftone_is_continued() -> None:
    grey = np.tile(np.linspace(60, 200, 160), (120, 1)).astype(np.uint8)
    dots = np.asarray(Image.fromarray(grey).convert("1")).astype(np.uint8)
    mask = np.zeros(dots.shape, bool)
    mask[30:90, 40:120] = True
    done = repaint(dots, grey[..., None], mask, np.array([[0], [255]], np.uint8), capacity=2)
    for columns in (slice(40, 60), slice(60, 80), slice(80, 100), slice(100, 120)):
        assert abs(255 * done.indices[30:90, columns].mean() - grey[30:90, columns].mean()) < 10


def test_nothing_to_fill() -> None:
    indices = np.zeros((4, 5), np.uint8)
    done = repaint(indices, np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), bool), np.zeros((1, 3), np.uint8))
    assert (done.exact, done.added) == (True, ())
    assert np.array_equal(done.indices, indices)
