import cv2
import numpy as np
import pytest
from hypothesis import given, settings

from tasks.errors import ImageUnreadable
from tasks.store.formats.header import EndsEarly
from tasks.store.formats.jpeg_frame import ZIGZAG, Component, Frame, frame, quantisation_tables
from tasks.store.formats.jpeg_segments import DQT, segments
from tests.tasks.store.formats.jpegs import Kind, coefficients, kinds, segment, written


@settings(derandomize=True, deadline=None, max_examples=40)
@given(kinds())
def test_frame(kind: Kind) -> None:
    data = written(kind)
    found = frame(data)
    assert (found.height, found.width) == kind.size
    assert len(found.components) == kind.channels
    assert found.divisible
    assert found.progressive == (kind.progressive and kind.model != "ycck")
    assert [plane.shape[:2] for plane in coefficients(data)] == [found.blocks(i) for i in range(kind.channels)]


def test_zigzag() -> None:
    assert ZIGZAG[:10].tolist() == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]
    assert sorted(ZIGZAG) == list(range(64))
    assert ZIGZAG[-3:].tolist() == [55, 62, 63]


def test_pixels_of_a_sample() -> None:
    four = Frame(0xC0, 8, 33, 17, (Component(1, 4, 2, 0), Component(2, 1, 1, 0), Component(3, 2, 2, 0)))
    assert [four.pixels(i) for i in range(3)] == [(1, 1), (2, 4), (1, 2)]
    assert [four.blocks(i) for i in range(3)] == [(5, 3), (3, 1), (5, 2)]
    assert not Frame(0xC0, 8, 8, 8, (Component(1, 3, 1, 0), Component(2, 2, 1, 0))).divisible


@pytest.mark.parametrize("sixteen", [False, True])
def test_tables_are_in_rows(sixteen: bool) -> None:
    data = written(Kind("grey", quality=75))
    if sixteen:
        (old,) = (s for s in segments(data)[0] if s.marker == DQT)
        new = segment(DQT, b"\x10" + b"".join(bytes((0, v)) for v in old.payload(data)[1:]))
        data = data[: old.start] + new + data[old.end :]
    (table,) = quantisation_tables(data, segments(data)[0], frame(data))
    # ITU-T T.81, table K.1, halved.
    assert table[:8].tolist() == [8, 6, 5, 8, 12, 20, 26, 31]
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) is not None


def test_tables_in_force_when_a_component_begins() -> None:
    data = written(Kind(progressive=True))
    found, end = segments(data)
    later = segment(DQT, b"\0" + bytes([77] * 64))
    late = data[: found[-1].start] + later + data[found[-1].start :]
    before, after = (quantisation_tables(d, segments(d)[0], frame(d)) for d in (data, late))
    assert np.array_equal(before, after)
    assert end == len(data)


def test_broken_frames() -> None:
    data = written(Kind())
    at = data.index(b"\xff\xc0")
    for broken in (
        data[: at + 9] + b"\7" + data[at + 10 :],
        data[: at + 11] + b"\0" + data[at + 12 :],
        data.replace(b"\xff\xc0", b"\xff\xfe"),
    ):
        with pytest.raises(ImageUnreadable):
            frame(broken)
    with pytest.raises(EndsEarly):
        frame(data[: at + 9])


def test_broken_tables() -> None:
    data = written(Kind())
    shape = frame(data)
    without = [s for s in segments(data)[0] if s.marker != DQT]
    with pytest.raises(ImageUnreadable):
        quantisation_tables(data, without, shape)
    short = data[:2] + segment(DQT, b"\0abc") + data[2:]
    with pytest.raises(ImageUnreadable):
        quantisation_tables(short, segments(short)[0], shape)
