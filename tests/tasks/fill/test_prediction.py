import numpy as np

from tasks.fill.holes import find_holes
from tasks.fill.prediction import Prediction


def test_own_pixels_lie_where_the_mask_does() -> None:
    mask = np.zeros((40, 50), bool)
    mask[10:15, 20:30] = True
    mask[12, 22] = False
    hole = find_holes(mask, 0)[0]
    prediction = Prediction(17, 6, np.zeros((20, 25, 3), np.float32))
    assert prediction.box == (slice(6, 26), slice(17, 42))
    assert (prediction.own(hole) == mask[prediction.box]).all()
