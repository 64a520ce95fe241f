import numpy as np

from tasks.fill.choice import Choice
from tasks.fill.fill import fill_image
from tasks.fill.settings import FillSettings, MaskSettings

EXACT = MaskSettings(dilate_px=0, feather_px=0)


class Grey:
    """Fills with a colour of its own for each hole, left of it and right."""

    def fill(self, crops, masks):
        return [np.full_like(crop, 0.5) for crop in crops]


class Chooser:
    """Takes black for the first hole, and what was made for the others."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def __call__(self, picture, mask, holes, fill_pass, predictions, generator, settings):
        self.asked.append((fill_pass, len(holes)))
        found = [Choice(made, fill_pass, ()) for made in predictions]
        black = type(predictions[0])(predictions[0].x, predictions[0].y, np.zeros_like(predictions[0].values))
        return [Choice(black, "patches", ("ink",), 3, 0.5), *found[1:]]


def _image() -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((60, 90), bool)
    mask[20:30, 10:20] = mask[20:30, 60:70] = True
    return np.full((60, 90, 3), 200, np.uint8), mask


def test_what_is_chosen_fills_the_hole_and_is_told_of_it() -> None:
    image, mask = _image()
    choose = Chooser()
    done = fill_image(image, mask, Grey(), EXACT, FillSettings(passes=("regions",)), dither=False, choose=choose)
    assert choose.asked == [("regions", 2)]
    assert (done.pixels[20:30, 10:20] == 0).all()
    assert np.abs(done.pixels[20:30, 60:70].astype(int) - 128).max() <= 1
    first, second = done.holes
    assert (first.fill_pass, first.corrections, first.candidates, first.score) == ("patches", ("ink",), 3, 0.5)
    assert (second.fill_pass, second.corrections, second.candidates, second.score) == ("regions", (), 1, None)


def test_who_chooses_is_given_no_corrections_to_make() -> None:
    image, mask = _image()

    class Never:
        reach = None

        def __call__(self, window):
            raise AssertionError("the chooser corrects")

    done = fill_image(image, mask, Grey(), EXACT, corrections={"never": Never()}, choose=Chooser())
    assert (done.pixels[~mask] == 200).all()
