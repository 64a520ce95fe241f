import numpy as np

from tasks.store.metadata import raw_rgb
from tests.tasks.store.metadata.secret import result


def test_rows_of_pixels() -> None:
    drawn = result().fitted(30, 20)
    assert raw_rgb.rgb(result(), 30, 20) == drawn.tobytes()
    assert raw_rgb.rgb(result(), 30, 20, reverse=True) == drawn[:, :, ::-1].tobytes()
    padded = np.frombuffer(raw_rgb.rgb(result(), 30, 20, 92), np.uint8).reshape(20, 92)
    assert padded[:, :90].tobytes() == drawn.tobytes() and not padded[:, 90:].any()


def test_palette() -> None:
    values = np.frombuffer(raw_rgb.palette(result(), 60, 40), np.uint8)
    assert values.size == 768 + 60 * 40
    pixels = values[:768].reshape(256, 3)[values[768:]].reshape(40, 60, 3)
    assert np.abs(pixels.astype(int) - result().fitted(60, 40)).mean() < 6
    assert len(raw_rgb.palette(result(), 1, 1)) == 769
