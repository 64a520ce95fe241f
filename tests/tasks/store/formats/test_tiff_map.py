from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.formats import tiff_directory as td
from tasks.store.formats.tiff_map import FileMap
from tests.tasks.store.formats.tiff_files import picture, write, write_pages


def map_of(data: bytes) -> tuple[FileMap, list[td.Directory]]:
    directories = [page.directory for page in td.pages(data)]
    return FileMap(data, directories), directories


def test_everything_is_found_and_nothing_shared() -> None:
    parts: list[Any] = [
        (picture(40, 50, 3, "uint8", n), {"rowsperstrip": 9, "compression": c})
        for n, c in enumerate((None, "lzw", "zlib"))
    ]
    found, directories = map_of(write_pages(parts))
    for directory in directories:
        assert not found.any_shared(directory, td.STRIP_OFFSETS, 5)
        for index in range(5):
            number = found.chunk(directory, td.STRIP_OFFSETS, index)
            offset, size = (int(directory.array(tag)[index]) for tag in (td.STRIP_OFFSETS, td.STRIP_BYTES))
            assert found.freed([number]) == [(offset, offset + size)]
        number = found.values(directory, td.STRIP_OFFSETS)
        entry = directory.entries[td.STRIP_OFFSETS]
        assert number is not None and found.freed([number]) == [(entry.place, entry.place + entry.size)]
        assert found.values(directory, td.WIDTH) is None
        piece = found.behind(entry.place)
        assert piece and (piece.span[0], piece.owner, piece.tag) == (entry.place, directory.at, td.STRIP_OFFSETS)
        table = found.behind(directory.at)
        assert table and table.span == (directory.at, directory.end) and table.tag < 0


def shifted(places: list[tuple[int, int]]) -> tuple[FileMap, td.Directory, bytes]:
    """A file whose strips are said to lie at these places."""
    data = bytearray(write(picture(len(places), 1000, 1, "uint8")[:, :, 0], rowsperstrip=1, compression="lzw"))
    directory = td.first(bytes(data))
    for tag, values in ((td.STRIP_OFFSETS, 0), (td.STRIP_BYTES, 1)):
        entry = directory.entries[tag]
        size = entry.size // entry.count
        for n, place in enumerate(places):
            value = (place[values] + 4000 * (values == 0)).to_bytes(size, "little")
            data[entry.place + n * size : entry.place + (n + 1) * size] = value
    found, (directory,) = map_of(bytes(data).ljust(10_000, b"\1"))
    return found, directory, bytes(data)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 120), st.integers(0, 40)), min_size=2, max_size=9), st.sets(st.integers(0, 8)))
def test_shared_spans(places: list[tuple[int, int]], gone: set[int]) -> None:
    found, directory, _ = shifted(places)
    sets = [set(range(4000 + a, 4000 + a + n)) for a, n in places]
    for index, span in enumerate(sets):
        others = set().union(*(s for i, s in enumerate(sets) if i != index))
        assert found.shared(found.chunk(directory, td.STRIP_OFFSETS, index)) == bool(span & others)
    gone = {index for index in gone if index < len(places)}
    numbers = [found.chunk(directory, td.STRIP_OFFSETS, index) for index in gone]
    kept = set().union(*(s for i, s in enumerate(sets) if i not in gone), set())
    free = [set(range(*span)) for span in found.freed(numbers)]
    assert set().union(*free, set()) == set().union(*(sets[i] for i in gone), set()) - kept
    assert sum(map(len, free)) == len(set().union(*free, set()))


def test_absurd_places_are_none() -> None:
    data = bytearray(write(picture(20, 30, 3, "uint8"), rowsperstrip=5, bigtiff=True, compression="lzw"))
    for tag in (td.STRIP_OFFSETS, td.STRIP_BYTES):
        entry = td.first(bytes(data)).entries[tag]
        data[entry.place : entry.place + entry.size] = b"\xff" * entry.size
    found, (directory,) = map_of(bytes(data))
    assert not found.any_shared(directory, td.STRIP_OFFSETS, 4)
    assert np.prod([len(found.freed([found.chunk(directory, td.STRIP_OFFSETS, n)])) for n in range(4)]) >= 0
