import struct

import numpy as np
import pytest

from tasks.errors import ImageUnreadable
from tasks.store.formats.png_palette import painted, table_of
from tests.tasks.store.formats.pngs import PALETTE, chunk, listed, png

TABLE = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255])


def original(*before: bytes, depth: int = 8, entries: int = 3) -> bytes:
    samples = np.tile(np.arange(6) % entries, (6, 1))[..., None]
    return png(samples, depth, PALETTE, b"".join(before))


def middle() -> np.ndarray:
    mask = np.zeros((6, 6), bool)
    mask[2:4, 2:4] = True
    return mask


def payload(chunks: dict[bytes, bytes], kind: bytes) -> bytes:
    return listed(b"        " + chunks[kind])[0][1]


def test_table() -> None:
    plain = original(chunk(b"PLTE", TABLE))
    assert table_of(plain, False).tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    clear = original(chunk(b"PLTE", TABLE), chunk(b"tRNS", b"\x07"))
    assert table_of(clear, True).tolist() == [[255, 0, 0, 7], [0, 255, 0, 255], [0, 0, 255, 255]]
    assert len(table_of(original(chunk(b"PLTE", TABLE), depth=1, entries=2), False)) == 2


def test_an_exact_fill_changes_no_chunk() -> None:
    data = original(chunk(b"PLTE", TABLE))
    done = painted(np.full((6, 6, 3), (0, 0, 255), np.uint8), data, middle(), False)
    assert (done.chunks, done.notes) == ({}, ())
    assert (done.samples[2:4, 2:4] == 2).all()


def test_a_new_colour_goes_to_the_end() -> None:
    data = original(chunk(b"PLTE", TABLE), chunk(b"hIST", struct.pack(">3H", 720, 720, 720)))
    done = painted(np.full((6, 6, 3), 99, np.uint8), data, middle(), False)
    assert payload(done.chunks, b"PLTE") == TABLE + bytes([99, 99, 99])
    # 4 of 36 pixels, where 2160 stand for all.
    assert struct.unpack(">4H", payload(done.chunks, b"hIST")) == (720, 720, 720, 240)
    assert set(done.chunks) == {b"PLTE", b"hIST"}
    assert done.notes == ("palette: 1 colour added",)


def test_the_background_s_entry_and_transparency_stay() -> None:
    """A full table, of which entries 3 and more are unused; 3 is the background's. What takes entry 4 is opaque."""
    table = TABLE + bytes(3 * 13)
    levels = bytes([255, 9, 255, 0, 0, 0])
    data = original(chunk(b"PLTE", table), chunk(b"tRNS", levels), chunk(b"bKGD", b"\3"), depth=4)
    done = painted(np.full((6, 6, 4), (99, 99, 99, 255), np.uint8), data, middle(), True)
    assert payload(done.chunks, b"PLTE") == TABLE + bytes(3) + bytes([99, 99, 99]) + table[15:]
    assert payload(done.chunks, b"tRNS") == bytes([255, 9, 255, 0, 255, 0])


def test_a_new_transparency_needs_a_longer_list() -> None:
    data = original(chunk(b"PLTE", TABLE), chunk(b"tRNS", b"\0"))
    done = painted(np.full((6, 6, 4), (99, 99, 99, 128), np.uint8), data, middle(), True)
    assert payload(done.chunks, b"tRNS") == bytes([0, 255, 255, 128])


def test_a_transparency_that_is_ignored_stays_so() -> None:
    data = original(chunk(b"PLTE", TABLE), chunk(b"tRNS", bytes(4)))
    done = painted(np.full((6, 6, 3), 99, np.uint8), data, middle(), False)
    assert (done.chunks, len(done.notes)) == ({}, 1)


def test_impossible_files() -> None:
    with pytest.raises(ImageUnreadable):
        table_of(original(chunk(b"PLTE", b"")), False)
    with pytest.raises(ImageUnreadable):
        painted(np.zeros((5, 6, 3), np.uint8), original(chunk(b"PLTE", TABLE)), np.ones((5, 6), bool), False)
