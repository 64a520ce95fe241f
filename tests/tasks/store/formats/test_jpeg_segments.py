import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import ImageUnreadable
from tasks.store.formats.header import EndsEarly
from tasks.store.formats.jpeg_segments import EOI, SOS, header_segments, segments
from tests.tasks.store.formats.jpegs import Kind, kinds, segment, with_segments, written


@settings(derandomize=True, deadline=None, max_examples=30)
@given(kinds(), st.lists(st.tuples(st.integers(0xE0, 0xEF), st.binary(max_size=9)), max_size=4))
def test_segments_are_all_of_the_file(kind: Kind, added: list[tuple[int, bytes]]) -> None:
    data = with_segments(written(kind), *added)
    found, end = segments(data)
    assert end == len(data)
    assert b"\xff\xd8" + b"".join(data[s.start : s.until] for s in found) + b"\xff\xd9" == data
    assert [(s.marker, s.payload(data)) for s in found[: len(added)]] == added
    upto = [s.marker for s in found].index(SOS) + 1
    assert [s.start for s in header_segments(data)] == [s.start for s in found[:upto]]


def test_fill_bytes_and_what_comes_after() -> None:
    data = written(Kind())
    filled = data[:2] + b"\xff\xff" + data[2:-2] + b"\xff" + data[-2:]
    found, end = segments(filled + b"more")
    assert filled[end - 2 : end] == bytes((0xFF, EOI))
    assert len(found) == len(segments(data)[0])


@pytest.mark.parametrize("cut", [3, 5, 30, -1])
def test_files_that_end_early(cut: int) -> None:
    with pytest.raises(EndsEarly):
        segments(written(Kind())[:cut])


@pytest.mark.parametrize("bad", [b"ab", b"\xff\xe0\0\1", segment(0x42, b"x"), b"\xff\xd8\xff\xd8"])
def test_what_is_no_segment(bad: bytes) -> None:
    data = written(Kind())
    with pytest.raises(ImageUnreadable):
        segments(data[:2] + bad + data[2:])
