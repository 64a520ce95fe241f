import struct
from typing import Any

import numpy as np
import pytest
import tifffile

from tasks.errors import ImageUnreadable
from tasks.store.formats import tiff_directory as td
from tasks.store.formats.header import EndsEarly
from tests.tasks.store.formats.tiff_files import picture, write, write_pages


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_entries_are_those_of_tifffile(order: Any, big: bool, tmp_path: Any) -> None:
    extra = [
        (50001, 2, 8, "private", True),
        (50002, 12, 2, (1.5, 2.5), True),
        (50003, 16 if big else 4, 3, (1, 2, 3), True),
    ]
    data = write(picture(50, 60, 3, "uint16"), rowsperstrip=7, byteorder=order, bigtiff=big, extratags=extra)
    (tmp_path / "a.tif").write_bytes(data)
    found = td.first(data)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages.first
        assert (found.at, found.big, found.order) == (page.offset, big, order)
        assert len(found.entries) == len(page.tags)
        for tag in page.tags:
            entry = found.entries[tag.code]
            assert (entry.kind, entry.count, entry.at) == (tag.dtype, tag.count, tag.offset)
            assert entry.place == tag.valueoffset
        assert found.array(td.STRIP_OFFSETS).tolist() == list(page.dataoffsets)
    assert found.integers(td.BITS) == (16, 16, 16)
    assert found.integer(td.WIDTH, 0) == 60 and found.integer(9999, 7) == 7
    assert found.blob(50001) == b"private\0" and found.blob(9999) is None
    assert found.integers(50002, (4,)) == (4,), "not of integers"
    assert found.following == 0


def test_the_tree() -> None:
    parts: list[Any] = [
        (picture(16, 16, 1, "uint8", n)[:, :, 0], {"subifds": 2} if n in (0, 3) else {}) for n in range(7)
    ]
    found = td.pages(write_pages(parts))
    # Pages 0, 3 and 6 in the file's order: 0 with 1 and 2 below it, 3 with 4 and 5, and 6.
    assert [(page.number, page.sub) for page in found] == [
        (0, False), (0, True), (0, True), (1, False), (1, True), (1, True), (2, False)
    ]  # fmt: skip
    for page in found:
        (at,) = struct.unpack_from("<I", page.directory.data, page.pointer)
        assert at == page.directory.at


def test_what_lies_outside_the_file() -> None:
    data = bytearray(write(picture(20, 30, 3, "uint8"), rowsperstrip=5))
    entry = td.first(bytes(data)).entries[td.STRIP_OFFSETS]
    struct.pack_into("<I", data, entry.at + 8, len(data) - 2)
    found = td.first(bytes(data))
    for read in (found.array, found.integers, found.blob):
        with pytest.raises(EndsEarly):
            read(td.STRIP_OFFSETS)
    struct.pack_into("<I", data, entry.at + 4, 1 << 30)
    with pytest.raises(ImageUnreadable, match="values"):
        td.first(bytes(data)).integers(td.STRIP_OFFSETS)
    with pytest.raises(EndsEarly):
        td.first(bytes(data)).array(td.STRIP_OFFSETS)


def test_offsets_beyond_all_files_turn_negative() -> None:
    data = bytearray(write(picture(20, 30, 1, "uint8")[:, :, 0], bigtiff=True))
    place = td.first(bytes(data)).entries[td.STRIP_OFFSETS].place
    data[place : place + 8] = b"\xff" * 8
    assert (td.first(bytes(data)).array(td.STRIP_OFFSETS) < 0).all()
    data[8:16] = b"\xff" * 8
    with pytest.raises(EndsEarly):
        td.first(bytes(data))


def test_the_first_of_equal_tags_counts() -> None:
    entries = [struct.pack("<HHII", 256, 4, 1, value) for value in (5, 6)]
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + b"".join(entries) + bytes(4)
    assert td.first(data).integer(td.WIDTH, 0) == 5


def test_no_bytes_make_it_fail_otherwise() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        head = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"][rng.integers(4)]
        data = head + rng.integers(0, 12, rng.integers(0, 200), dtype=np.uint8).tobytes()
        try:
            for page in td.pages(data):
                page.directory.integers(td.WIDTH)
        except (EndsEarly, ImageUnreadable):
            pass
