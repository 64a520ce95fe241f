from dataclasses import replace

import pytest
from hypothesis import given, settings

from tasks.errors import ImageUnreadable
from tasks.store.formats.jpeg_frame import frame
from tasks.store.formats.jpeg_scans import Scan, complete, plain, scans
from tasks.store.formats.jpeg_segments import SOS, segments
from tests.tasks.store.formats.jpegs import Kind, kinds, written


@settings(derandomize=True, deadline=None, max_examples=40)
@given(kinds())
def test_headers_are_written_as_they_were_read(kind: Kind) -> None:
    data = written(kind)
    found, shape = segments(data)[0], frame(data)
    script = scans(data, found, shape)
    assert [s.header(shape) for s in script] == [data[s.start : s.end] for s in found if s.marker == SOS]
    restart = 0 if kind.model == "ycck" else kind.restart
    assert {s.restart for s in script} == {restart}
    assert complete(script, shape)
    # Each scan is needed, and needed once.
    assert not any(complete(script[:i] + script[i + 1 :], shape) for i in range(len(script)))
    assert not complete([*script, script[-1]], shape)
    assert complete(plain(shape), shape)


def test_progressions_that_are_none() -> None:
    shape = frame(written(Kind("grey", progressive=True)))
    dc, ac = Scan((0,), (0,), (0,), 0, 0), Scan((0,), (0,), (0,), 1, 63)
    assert complete([dc, ac], shape)
    assert complete([dc, replace(ac, low=1), replace(ac, high=1)], shape)
    for bad in (
        [dc],
        [ac, dc],
        [replace(dc, last=63)],
        [dc, replace(ac, low=2), replace(ac, high=2), replace(ac, high=1)],
        [dc, replace(ac, low=2), replace(ac, high=2, low=1)],
        [dc, replace(ac, last=62)],
        [dc, replace(ac, last=64)],
        [replace(dc, dc=(4,)), ac],
        [dc, ac] * 60,
    ):
        assert not complete(bad, shape)


def test_sequential_scans_that_are_none() -> None:
    shape = frame(written(Kind("ycc")))
    one = [Scan((i,), (0,), (0,)) for i in range(3)]
    assert complete(one, shape)
    assert not complete(one[:2], shape)
    assert not complete([replace(one[0], last=5), *one[1:]], shape)


@pytest.mark.parametrize(
    "payload", [b"", b"\0\0\0\0", b"\1\7\0\0\x3f\0", b"\2\1\0\0\x3f\0", b"\5" + b"\1\0" * 5 + b"\0\x3f\0"]
)
def test_headers_that_do_not_fit(payload: bytes) -> None:
    data = written(Kind("grey"))
    (old,) = (s for s in segments(data)[0] if s.marker == SOS)
    broken = data[: old.start] + b"\xff\xda\0" + bytes((2 + len(payload),)) + payload + data[old.end :]
    with pytest.raises(ImageUnreadable):
        scans(broken, segments(broken)[0], frame(broken))
