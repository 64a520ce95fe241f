from __future__ import annotations

import cv2
import pytest

from models.training.curves import COLUMNS, HEIGHT, WIDTH, draw_curves


def panels(path):
    picture = cv2.imread(str(path))
    assert picture.shape[0] % HEIGHT == 0 and picture.shape[1] == COLUMNS * WIDTH
    rows = range(picture.shape[0] // HEIGHT)
    found = [picture[y * HEIGHT : (y + 1) * HEIGHT, x * WIDTH : (x + 1) * WIDTH] for y in rows for x in range(COLUMNS)]
    return [panel for panel in found if panel.min() < 255]


def test_a_panel_for_each_number_and_references_beside_what_they_are_for(tmp_path):
    rows = [{"step": i, "minutes": i / 9, "loss": 1 / (i + 1), "l1": 0.5} for i in range(50)]
    rows += [{"step": 50, "minutes": 6, "medium_psnr": 16.0, "medium_psnr_telea": 15.0, "medium_ratio": float("nan")}]
    draw_curves(tmp_path / "c.png", rows)
    assert len(panels(tmp_path / "c.png")) == 4  # loss, l1, psnr with Telea's, ratio


@pytest.mark.parametrize("rows", [[{"step": 0}], [{"step": 3, "loss": 1.0}], [{"step": 0, "loss": float("inf")}]])
def test_hardly_any_rows_are_a_picture_too(tmp_path, rows):
    draw_curves(tmp_path / "c.png", rows)
    assert len(panels(tmp_path / "c.png")) == len(rows[0]) - 1


def test_a_falling_loss_falls(tmp_path):
    draw_curves(tmp_path / "c.png", [{"step": i, "loss": 10.0 - i} for i in range(100)])
    panel = panels(tmp_path / "c.png")[0].astype(int)
    line = panel[..., 0] - panel[..., 2] > 60  # blue ink
    ys = [line[:, x].nonzero()[0].mean() for x in (80, 200, 330)]
    assert ys[0] < ys[1] < ys[2]
