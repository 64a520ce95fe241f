import cv2
import numpy as np

from tasks.publish.benchmark.plot import draw
from tasks.publish.benchmark.summary import Mean, Score


def scores(*methods: str) -> list[Score]:
    return [
        Score(kind, method, 5, means={"psnr": Mean(20 + n, 19, 23), "seconds_per_mp": Mean(0.1 * 9**n, 0.05, 90)})
        for kind in ("thin", "thick")
        for n, method in enumerate(methods)
    ]


def test_a_picture_that_grows_with_the_methods_and_is_the_same_again() -> None:
    two = draw(scores("a", "b"), "two")
    assert two is not None and two == draw(scores("a", "b"), "two")
    pixels = [
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for data in (two, draw(scores(*"abcd"), "four"))
    ]
    assert all(p is not None for p in pixels)
    assert pixels[1].shape[0] > pixels[0].shape[0]
    assert pixels[1].shape[1] == pixels[0].shape[1]
    # both kinds of mask have their colour
    for colour in ((0x00, 0x72, 0xB2), (0xCC, 0x33, 0x11)):
        assert (np.abs(pixels[0][:, :, ::-1].astype(int) - colour).max(axis=2) < 3).sum() > 50


def test_nothing_measured_is_no_picture() -> None:
    assert draw([Score("thin", "a", 0)], "nothing") is None
