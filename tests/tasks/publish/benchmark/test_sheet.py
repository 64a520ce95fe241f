import cv2
import numpy as np

from tasks.publish.benchmark.crops import SIDE_PX, write_crop
from tasks.publish.benchmark.sheet import GAP_PX, TITLE_PX, contact_sheet
from tasks.store.objects import Store


def test_a_row_for_each_case_and_a_column_for_each_method(tmp_path) -> None:
    store = Store(str(tmp_path))
    truth = np.full((300, 300, 3), 60, np.uint8)
    mask = np.zeros((300, 300), bool)
    mask[100:200, 100:200] = True
    filled = np.where(mask[:, :, None], np.uint8([200, 40, 40]), truth)
    for photo in ("a" * 64, "b" * 64):
        write_crop(store, 0, "thin", photo, "mine", filled, truth, mask)
    cases = [("thin", "a" * 64), ("thin", "b" * 64), ("thick", "a" * 64)]  # nothing is there of the last one
    data = contact_sheet(store, 0, cases, ["mine", "other"])
    assert data is not None
    pixels = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))[:, :, ::-1].astype(int)
    height, width = SIDE_PX + TITLE_PX + GAP_PX, SIDE_PX + GAP_PX
    assert pixels.shape == (2 * height, 4 * width, 3)
    middles = [tuple(pixels[TITLE_PX + SIDE_PX // 2, n * width + SIDE_PX // 2]) for n in range(4)]
    for found, expected in zip(middles, [(128,) * 3, (200, 40, 40), (255,) * 3, (60,) * 3], strict=True):
        assert np.abs(np.subtract(found, expected)).max() < 8


def test_no_crop_is_no_sheet(tmp_path) -> None:
    assert contact_sheet(Store(str(tmp_path)), 0, [("thin", "a" * 64)], ["mine"]) is None
