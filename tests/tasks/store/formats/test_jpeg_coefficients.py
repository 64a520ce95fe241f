import os

import numpy as np
import pytest
from hypothesis import given, settings

from tasks.errors import ImageUnreadable
from tasks.store.formats.jpeg_coefficients import bytes_without_metadata, read
from tasks.store.formats.jpeg_frame import frame
from tasks.store.formats.jpeg_segments import SOF, segments
from tests.tasks.store.formats.jpegs import Kind, coefficients, decoded, kinds, with_segments, written


@settings(derandomize=True, deadline=None, max_examples=30)
@given(kinds())
def test_as_another_libjpeg_reads_them(kind: Kind) -> None:
    data = written(kind)
    planes = read(data, segments(data)[0], frame(data))
    assert all(np.array_equal(a, b) for a, b in zip(planes, coefficients(data, "6b"), strict=True))


def test_without_memory_files(monkeypatch: pytest.MonkeyPatch) -> None:
    data = written(Kind())
    expected = read(data, segments(data)[0], frame(data))
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert all(map(np.array_equal, read(data, segments(data)[0], frame(data)), expected))


def test_metadata_never_reaches_libjpeg() -> None:
    data = written(Kind())
    crowded = with_segments(data, *[(0xE4, b"x" * 9)] * 70)
    found = segments(crowded)[0]
    assert bytes_without_metadata(crowded, found) == bytes_without_metadata(data, segments(data)[0])
    assert decoded(bytes_without_metadata(data, segments(data)[0])).shape == decoded(data).shape


def test_files_that_libjpeg_refuses() -> None:
    # A header that libvips refuses, two frame headers, and a scan that libjpeg gives up.
    data = written(Kind(progressive=True))
    found, shape = segments(data)[0], frame(data)
    for broken in (
        [s for s in found if s.marker not in SOF],
        [s for s in found for _ in range(1 + (s.marker in SOF))],
        [s for s in found if s.marker != 0xC4],
    ):
        with pytest.raises(ImageUnreadable):
            read(data, broken, shape)
    other = frame(written(Kind(progressive=True, size=(99, 99))))
    with pytest.raises(ImageUnreadable):
        read(data, found, other)
