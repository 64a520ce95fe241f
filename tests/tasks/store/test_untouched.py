import cv2
import numpy as np
import pytest

from tasks.store.image import decode, encode, read_header
from tasks.store.settings import OutputSettings
from tasks.store.untouched import changed_outside
from tests.corpus.kinds import SIZE, Kind, kinds

KINDS = {kind.name: kind for kind in kinds()}
HOLE = np.zeros(SIZE, dtype=bool)
HOLE[20:33, 40:61] = True


def filled(kind: Kind, area: np.ndarray) -> bytes:
    """The file with other pixels in `area`, written as told that nothing else changed."""
    header = read_header(kind.data, 1)
    pixels = decode(kind.data, header).copy()
    colours = header.channels - header.alpha
    pixels[area, :colours] = pixels[area, :colours] // 2 if pixels.dtype.kind != "f" else 0.25
    return encode(pixels, kind.data, area).data


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file(name: str) -> None:
    kind = KINDS[name]
    settings = OutputSettings()
    assert changed_outside(kind.data, filled(kind, HOLE), HOLE, settings, 1) is None
    wider = cv2.dilate(HOLE.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    said = changed_outside(kind.data, filled(kind, wider), HOLE, settings, 1)
    assert said is not None
    assert "differ" in said


def test_another_header_is_said() -> None:
    jpeg = next(kind for name, kind in KINDS.items() if name.startswith("jpeg"))
    webp = next(kind for name, kind in KINDS.items() if name.startswith("webp"))
    said = changed_outside(jpeg.data, webp.data, HOLE, OutputSettings(), 1)
    assert said is not None
    assert "format jpeg → webp" in said


def test_what_is_coded_anew_as_a_whole_is_compared_by_its_header() -> None:
    jpeg = next(kind for name, kind in KINDS.items() if name.startswith("jpeg"))
    webp = next(kind for name, kind in KINDS.items() if name.startswith("webp"))
    everything = np.ones(SIZE, dtype=bool)
    nothing = np.zeros(SIZE, dtype=bool)
    assert changed_outside(jpeg.data, filled(jpeg, everything), nothing, OutputSettings(jpeg_splice=False), 1) is None
    assert changed_outside(webp.data, filled(webp, everything), nothing, OutputSettings(webp_quality=80), 1) is None
