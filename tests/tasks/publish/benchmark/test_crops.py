import cv2
import numpy as np
import pytest

from tasks.publish.benchmark.crops import INPUT, TRUTH, busiest, crop_path, write_crop
from tasks.store.objects import Store


@pytest.mark.parametrize("shape", [(300, 400), (100, 600), (50, 60)])
def test_the_window_holds_the_most_of_the_hole(shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(1).random(shape) < 0.1
    mask[shape[0] // 2 :, shape[1] // 2 :] |= (
        np.random.default_rng(2).random(mask[shape[0] // 2 :, shape[1] // 2 :].shape) < 0.3
    )
    rows, columns = busiest(mask)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (min(256, shape[0]), min(256, shape[1]))
    best = int(mask[rows, columns].sum())
    for y in range(0, shape[0] - min(256, shape[0]) + 1, 7):
        for x in range(0, shape[1] - min(256, shape[1]) + 1, 7):
            assert mask[y : y + 256, x : x + 256].sum() <= best


def test_a_crop_with_its_input_and_truth(tmp_path) -> None:
    store = Store(str(tmp_path))
    truth = np.full((40, 60, 3), 200, np.uint8)
    filled, mask = truth.copy(), np.zeros((40, 60), bool)
    mask[10:30, 10:50] = True
    filled[mask] = (250, 10, 10)
    write_crop(store, 3, "thin", "a" * 64, "mine", filled, truth, mask)

    def shown(name: str) -> np.ndarray:
        data = np.frombuffer(store.read(crop_path(3, "thin", "a" * 64, name)), np.uint8)
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[:, :, ::-1].astype(int)

    for name, colour in (("mine", (250, 10, 10)), (INPUT, (128, 128, 128)), (TRUTH, (200, 200, 200))):
        assert np.abs(shown(name)[20, 30] - colour).max() < 8, name
        assert np.abs(shown(name)[2, 2] - 200).max() < 8
    assert crop_path(4, "thin", "a" * 64, "mine") != crop_path(3, "thin", "a" * 64, "mine")
