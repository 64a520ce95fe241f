"""Where bytes go that do not fit; what it costs."""

import struct
from typing import Any

import numpy as np
import pytest
import pyvips

from tasks.store.formats import tiff_directory as td
from tasks.store.formats.tiff_draft import Draft
from tests.tasks.store.formats.tiff_files import decoded, encoded, picture, same, tags, untouched, write, write_pages


def noise(shape: tuple[int, ...], dtype: str = "uint16") -> np.ndarray:
    return np.random.default_rng(9).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def specks(shape: tuple[int, int], count: int) -> np.ndarray:
    rng, mask = np.random.default_rng(3), np.zeros(shape, bool)
    for y, x in zip(rng.integers(0, shape[0] - 7, count), rng.integers(0, shape[1] - 7, count), strict=True):
        mask[y : y + 7, x : x + 7] = True
    return mask


def libtiff(pixels: np.ndarray, compression: str, rows: int, **options: Any) -> bytes:
    """Its directory is behind the pixels."""
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="rgb16")
    return image.tiffsave_buffer(compression=compression, predictor="horizontal", tile_height=rows, **options)


@pytest.mark.parametrize("compression", ["lzw", "deflate"])
@pytest.mark.parametrize("rows", [8, 40, 128, 600])
@pytest.mark.parametrize("count", [2, 12, 100])
def test_files_hardly_grow(compression: str, rows: int, count: int) -> None:
    """The worst case: every touched strip gets longer, for the fill is noise. One strip may be all of the file."""
    pixels = picture(600, 400, 3, "uint16")
    data = libtiff(pixels, compression, rows)
    mask = specks((600, 400), count)
    wanted = np.where(mask[:, :, None], noise(pixels.shape), pixels)
    result = encoded(wanted, data, mask).data
    assert same(decoded(result), wanted)
    assert len(result) < 1.15 * len(data)
    assert str(tags(result)) == str(tags(data))


def test_one_strip_grows_over_the_directory_behind_it() -> None:
    pixels = picture(600, 400, 3, "uint16")
    for extra in ({}, {"bigtiff": True}, {"pyramid": True, "tile": True, "subifd": True, "tile_width": 608}):
        data = libtiff(pixels, "lzw", 608, **extra)
        mask = specks((600, 400), 40)
        wanted = np.where(mask[:, :, None], noise(pixels.shape), pixels)
        result = encoded(wanted, data, mask).data
        assert same(decoded(result), wanted)
        assert len(data) < len(result) < 1.1 * len(data)
        if "tile" not in extra:
            assert td.first(result).array(273).tolist() == td.first(data).array(273).tolist()
            assert td.first(result).at > td.first(data).at
        assert str(tags(result)) == str(tags(data))


def test_sizes_that_their_type_cannot_hold() -> None:
    """Sizes as shorts, in the table and in the entry; a strip that gets longer than 65535 bytes."""
    for rows in (100, 200):
        pixels = np.zeros((200, 300, 3), np.uint16)
        file = bytearray(libtiff(pixels, "deflate", rows))
        entry, sizes = td.first(bytes(file)).entries[td.STRIP_BYTES], td.first(bytes(file)).array(td.STRIP_BYTES)
        struct.pack_into("<HI4s", file, entry.at + 2, 3, len(sizes), sizes.astype("<u2").tobytes().ljust(4, b"\0"))
        data = bytes(file)
        assert td.first(data).array(td.STRIP_BYTES).tolist() == sizes.tolist()
        mask = np.ones((200, 300), bool)
        wanted = noise(pixels.shape)
        result = encoded(wanted, data, mask).data
        assert same(decoded(result), wanted)
        assert td.first(result).entries[td.STRIP_BYTES].kind == 4
        assert str(tags(result)) == str(tags(data))
        untouched(data, result)


def test_what_gets_shorter_is_followed_by_zeros() -> None:
    data = write(noise((100, 100, 3)), compression="zlib", rowsperstrip=50)
    result = encoded(np.zeros((100, 100, 3), np.uint16), data, np.ones((100, 100), bool)).data
    assert len(result) == len(data)
    for offset, size in zip(td.first(data).array(273), td.first(data).array(279), strict=True):
        assert not any(result[offset + size // 2 : offset + size])


def shared(pixels: np.ndarray, compression: str | None) -> bytes:
    """Two strips of equal content, of which the second is said to lie where the first does."""
    data = bytearray(write(pixels, compression=compression, rowsperstrip=pixels.shape[0] // 3))
    for tag in (273, 279):
        entry = td.first(bytes(data)).entries[tag]
        size = entry.size // entry.count
        data[entry.place + size : entry.place + 2 * size] = data[entry.place : entry.place + size]
    return bytes(data)


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_shared_chunks(compression: str | None) -> None:
    strip = picture(20, 60, 3, "uint8")
    pixels = np.concatenate([strip, strip, strip[::-1]])
    data = shared(pixels, compression)
    assert same(decoded(data), pixels)
    place, size = (int(td.first(data).array(tag)[0]) for tag in (273, 279))
    for rows, remains in (((5, 9), True), ((25, 29), True), ((5, 29), False)):
        mask = np.zeros((60, 60), bool)
        mask[rows[0] : rows[1], 10:50] = True
        wanted = np.where(mask[:, :, None], 255 - pixels, pixels)
        result = encoded(wanted, data, mask).data
        assert same(decoded(result), wanted)
        # The other strip still needs it, or nobody does.
        assert (result[place : place + size] == data[place : place + size]) == remains


def test_entries_that_go() -> None:
    secret = bytes(range(200))
    pixels = picture(40, 50, 3, "uint8")
    for order, big in (("<", False), (">", True)):
        extra = [(37724, 7, 200, secret, True), (50001, 7, 4, b"kept", True), (52545, 7, 4, b"gone", True)]
        data = write(pixels, byteorder=order, bigtiff=big, extratags=extra)
        found = td.pages(data)
        draft = Draft(data, found)
        assert draft.finish() == data
        for tag in (37724, 52545):
            draft.remove(found[0].directory, tag)
        result = draft.finish()
        assert secret[9:30] not in result and b"gone" not in result
        after = td.first(result)
        assert set(found[0].directory.entries) - set(after.entries) == {37724, 52545}
        assert after.blob(50001) == b"kept" and after.following == 0
        assert same(decoded(result), pixels)
        assert len(result) == len(data)


def test_what_is_free_at_the_end_is_cut_off() -> None:
    pixels = picture(400, 500, 3, "uint8")
    layers = noise((3_000_000,), "uint8").tobytes()
    data = write(pixels, compression="lzw", extratags=[(37724, 7, len(layers), layers, True)])
    mask = specks((400, 500), 3)
    wanted = np.where(mask[:, :, None], 0, pixels).astype(np.uint8)
    result = encoded(wanted, data, mask)
    assert result.notes == ("Photoshop layers dropped",)
    assert len(result.data) < len(data) - 2_900_000
    assert same(decoded(result.data), wanted)


def test_other_pages_stay_when_much_moves() -> None:
    parts: list[Any] = [
        (picture(200, 150, 3, "uint8", n), {"compression": "lzw", "rowsperstrip": 200}) for n in range(4)
    ]
    data = write_pages(parts)
    mask = np.ones((200, 150), bool)
    wanted = noise((200, 150, 3), "uint8")
    result = encoded(wanted, data, mask).data
    assert same(decoded(result), wanted)
    assert str(tags(result)) == str(tags(data))
    before, after = td.pages(data), td.pages(result)
    for old, new in list(zip(before, after, strict=True))[1:]:
        offset, size = (int(old.directory.array(tag)[0]) for tag in (273, 279))
        assert [int(new.directory.array(tag)[0]) for tag in (273, 279)] == [offset, size]
        assert data[offset : offset + size] == result[offset : offset + size]
