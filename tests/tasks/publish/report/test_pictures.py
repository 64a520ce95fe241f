from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.fill.colour import Plain
from tasks.fill.fill import Filled, fill_image
from tasks.publish.report.pictures import LEAST_PX, MOST_PX, THUMBNAIL_PX, window_around, worst, write_pictures
from tasks.publish.schema import Row
from tasks.store.objects import Store
from tests.support import decoded, photo
from tests.tasks.run.test_item import FakeGenerator


def filled(height: int, width: int, *boxes: tuple[int, int, int, int]) -> tuple[NDArray[np.uint8], Filled, list[Row]]:
    image = photo(height, width, 3)
    core = np.zeros((height, width), dtype=bool)
    for x, y, w, h in boxes:
        core[y : y + h, x : x + w] = True
    made = fill_image(image, core, FakeGenerator(lambda crop, mask: np.full_like(crop, 0.9)))
    rows = [{k: getattr(done.hole, k) for k in ("x", "y", "w", "h", "area")} for done in made.holes]
    return image, made, rows


def pictures(root: Path, made: Filled, rows: list[Row], turn: int = 1) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    store = Store(str(root))
    write_pictures(store, "id", made, rows, Plain(made.pixels.shape[2]), turn)
    small, panels = (decoded(store.read(f"report/pictures/id{end}"))[:, :, ::-1] for end in (".jpg", ".hole.jpg"))
    return small, panels


def test_before_after_and_mask_side_by_side(tmp_path: Path) -> None:
    image, made, rows = filled(300, 420, (100, 90, 40, 30), (5, 5, 8, 8))
    small, panels = pictures(tmp_path, made, rows)
    assert max(small.shape) == THUMBNAIL_PX
    window = window_around(rows[worst(rows)], 420, 300)
    before, after, mask = np.split(panels.astype(int), 3, axis=1)
    box = slice(window.y, window.y + window.h), slice(window.x, window.x + window.w)
    assert before.shape == (window.h, window.w, 3)
    assert np.abs(before - image[box]).mean() < 6
    assert np.abs(after - made.pixels[box]).mean() < 6
    assert ((mask[:, :, 0] > 128) == made.mask[box]).mean() > 0.98
    hole = made.mask[box]
    assert np.abs(before - after)[hole].mean() > 20


def test_a_large_hole_is_shown_smaller_and_a_small_one_with_surroundings(tmp_path: Path) -> None:
    _, made, rows = filled(1200, 1000, (50, 50, 700, 900))
    _, panels = pictures(tmp_path, made, rows)
    assert panels.shape[0] <= MOST_PX
    assert panels.shape[1] <= 3 * MOST_PX
    tiny = window_around({"x": 500, "y": 3, "w": 2, "h": 2}, 1000, 1200)
    assert (tiny.w, tiny.h, tiny.y, tiny.scale) == (LEAST_PX, LEAST_PX, 0, 1.0)
    whole = window_around({"x": 0, "y": 0, "w": 30, "h": 10}, 60, 20)
    assert (whole.w, whole.h) == (60, 20)


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_pictures_stand_as_a_viewer_shows_them(tmp_path: Path, turn: int) -> None:
    _, made, rows = filled(100, 300, (20, 20, 12, 12))
    small, panels = pictures(tmp_path, made, rows, turn)
    assert (small.shape[0] > small.shape[1]) == (turn >= 5)
    assert panels.shape[:2] == ((192, 300) if turn >= 5 else (100, 576))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_grey_and_deep_pictures(tmp_path: Path, dtype: type) -> None:
    scale = 1 if dtype is np.float32 else np.iinfo(dtype).max
    image = (photo(80, 90, 1, 1) / 255 * scale).astype(dtype)
    core = np.zeros((80, 90), dtype=bool)
    core[20:40, 20:50] = True
    made = fill_image(image, core, FakeGenerator())
    rows = [{k: getattr(made.holes[0].hole, k) for k in ("x", "y", "w", "h", "area")}]
    _, panels = pictures(tmp_path, made, rows)
    before = panels[:, :90, 0].astype(int)
    assert np.abs(before - photo(80, 90, 1, 1)[:, :, 0]).mean() < 6


def test_the_worst_hole_is_shown_else_the_largest() -> None:
    rows = [{"area": 5}, {"area": 9}, {"area": 9}]
    assert worst(rows) == 1
    assert worst([{**row, "predicted_error": error} for row, error in zip(rows, (0.2, None, 0.1), strict=True)]) == 0
