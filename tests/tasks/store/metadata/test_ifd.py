import pytest
from hypothesis import given, settings

from tasks.store.metadata.ifd import Structure
from tests.tasks.store.metadata.secret import exif, hostile, structure


@pytest.mark.parametrize("order", "<>")
def test_chain_and_values(order: str) -> None:
    below = {0x9000: (7, b"0232")}
    tiff = Structure(
        structure(order, [{0x0112: (3, 6), 0x8769: (4, below), 0x0111: (4, (10, 20, 30))}, {0x0103: (3, 6)}])
    )
    first, second = tiff.chain()
    assert tiff.order == order
    assert tiff.integer(first, 0x0112) == 6 and tiff.integers(first, 0x0111) == (10, 20, 30)
    assert tiff.integer(first, 0x9999, 5) == 5 and tiff.integers(first, 0x9999) == ()
    assert tiff.integer(second, 0x0103) == 6 and second.following == 0
    assert first.end <= tiff.directory(tiff.integer(first, 0x8769)).start  # type: ignore[union-attr]
    at, value = tiff.written(first, 0x0112, 1)
    blob = tiff.blob[:at] + value + tiff.blob[at + len(value) :]
    again = Structure(blob)
    assert again.integer(again.chain()[0], 0x0112) == 1


def test_a_value_without_a_place() -> None:
    tiff = Structure(structure("<", [{0x0100: (1, 5), 0x0101: (3, 5), 0x0102: (5, bytes(8)), 0x0103: (3, ())}]))
    (directory,) = tiff.chain()
    assert tiff.written(directory, 0x0100, 255)[1] == b"\xff" and tiff.written(directory, 0x0101, 65535)[1]
    for tag, value in ((0x0100, 256), (0x0101, 65536), (0x0102, 1), (0x0103, 1), (0x0104, 1)):
        assert tiff.written(directory, tag, value) == (0, b"")


@pytest.mark.parametrize("blob", [b"", b"II*\0", b"II+\0" + bytes(20), b"Exif\0\0II*\0" + bytes(9)])
def test_no_structure(blob: bytes) -> None:
    with pytest.raises(ValueError, match="TIFF"):
        Structure(blob)


def test_a_ring_of_directories_ends() -> None:
    blob = bytearray(structure("<", [{0x0112: (3, 6)}, {0x0103: (3, 6)}]))
    second = Structure(bytes(blob)).chain()[1]
    blob[second.link] = 8
    assert [d.start for d in Structure(bytes(blob)).chain()] == [8, second.start]


def test_what_is_cut_off_is_left_out() -> None:
    blob = structure("<", [{0x0100: (3, 1), 0x0101: (3, 2), 0x0102: (3, (8, 8, 8))}])
    tiff = Structure(blob[: 8 + 2 + 24])
    (directory,) = tiff.chain()
    assert set(directory.entries) == {0x0100, 0x0101} and directory.link == 0


@settings(max_examples=100, deadline=None, derandomize=True)
@given(hostile(exif("<", b"thumb"), exif(">", b"thumb")))
def test_hostile_bytes(blob: bytes) -> None:
    try:
        tiff = Structure(blob)
    except ValueError:
        return
    for directory in tiff.chain():
        assert 8 <= directory.start < directory.end <= len(blob)
        for tag, entry in directory.entries.items():
            assert entry.values + entry.size <= len(blob)
            assert len(tiff.integers(directory, tag)) in (0, entry.count)
