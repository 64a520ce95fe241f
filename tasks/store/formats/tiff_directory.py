"""TIFF directories (TIFF 6.0, section 2; BigTIFF): tables of entries, and the tree of them that a file is."""

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.errors import ImageUnreadable
from tasks.store.formats.header import EndsEarly

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR = 273, 274, 277, 278, 279, 284
PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 317, 320, 322, 323, 324, 325
SUBFILE, OLD_SUBFILE, SUB_DIRECTORIES, INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT = 254, 255, 330, 332, 338, 339
JPEG, JPEG_BYTES, IMAGE_DEPTH, ICC, EXIF, GPS, INTEROPERABILITY = 513, 514, 32997, 34675, 34665, 34853, 40965

Order = Literal["<", ">"]
# Bytes of a value, by type.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
UNSIGNED = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_MOST_ENTRIES, _MOST_VALUES, _MOST_DIRECTORIES, _MOST_ENTRIES_OF_ALL = 4096, 1 << 16, 1 << 16, 1 << 20


@dataclass(frozen=True)
class Entry:
    """A tag: `count` values of type `kind` in bytes `place` to `place + size`. `at` is where the entry itself stands."""

    tag: int
    kind: int
    count: int
    at: int
    place: int

    @property
    def size(self) -> int:
        """Bytes of the values; 0 for types that nobody knows."""
        return SIZES.get(self.kind, 0) * self.count


@dataclass(frozen=True)
class Directory:
    """A table of entries in bytes `at` to `end`. `link` is where the address of the `following` directory stands."""

    data: bytes
    order: Order
    big: bool
    at: int
    entries: dict[int, Entry]
    link: int
    following: int

    @property
    def end(self) -> int:
        """First byte after the table."""
        return self.link + (8 if self.big else 4)

    @property
    def inline(self) -> int:
        """Values of at most this many bytes stand in the entry itself."""
        return 8 if self.big else 4

    def array(self, tag: int) -> NDArray[np.int64]:
        """Values of a tag of unsigned integers, none where it is absent or of another type; ≥ 2⁶³ turn negative.

        Raises EndsEarly.
        """
        entry = self.entries.get(tag)
        if not entry or entry.kind not in UNSIGNED:
            return np.zeros(0, np.int64)
        if entry.place + entry.size > len(self.data):
            raise EndsEarly
        kind = self.order + UNSIGNED[entry.kind]
        return np.frombuffer(self.data, kind, entry.count, entry.place).astype(np.int64)

    def integers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Values of a tag of unsigned integers. Raises EndsEarly and, where there are absurdly many, ImageUnreadable."""
        entry = self.entries.get(tag)
        if not entry or entry.kind not in UNSIGNED:
            return default
        if entry.count > _MOST_VALUES:
            raise ImageUnreadable(f"TIFF: tag {tag} has {entry.count} values")
        return tuple(self.array(tag).tolist())

    def integer(self, tag: int, default: int) -> int:
        """First value of a tag of unsigned integers. Raises as `integers` does."""
        return next(iter(self.integers(tag)), default)

    def blob(self, tag: int) -> bytes | None:
        """All bytes of a tag's values, or None where the tag is absent. Raises EndsEarly."""
        entry = self.entries.get(tag)
        if not entry:
            return None
        if entry.place + entry.size > len(self.data):
            raise EndsEarly
        return self.data[entry.place : entry.place + entry.size]


@dataclass(frozen=True)
class Page:
    """A directory in its file. `number`: which one of the chain it is, from 0; `sub`: not it, but a SubIFD of it.

    `pointer` is where its address stands in the file.
    """

    directory: Directory
    number: int
    sub: bool
    pointer: int


def first(data: bytes) -> Directory:
    """The first directory. Raises EndsEarly and ImageUnreadable."""
    order, big, pointer = _layout(data)
    return directory(data, order, big, _address(data, order, big, pointer))


def directory(data: bytes, order: Order, big: bool, at: int) -> Directory:
    """The directory at byte `at`. Of equal tags the first counts. Raises EndsEarly and ImageUnreadable."""
    word, size, inline = ("Q", 20, 8) if big else ("I", 12, 4)
    try:
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
        if not 0 < count <= _MOST_ENTRIES:
            raise ImageUnreadable(f"TIFF: a directory of {count} entries")
        start = at + (8 if big else 2)
        link = start + size * count
        (following,) = struct.unpack_from(order + word, data, link)
        entries: dict[int, Entry] = {}
        for place in range(start, link, size):
            tag, kind, number = struct.unpack_from(f"{order}HH{word}", data, place)
            values = place + size - inline
            if SIZES.get(kind, 0) * number > inline:
                (values,) = struct.unpack_from(order + word, data, values)
            entries.setdefault(tag, Entry(tag, kind, number, place, values))
    except (struct.error, OverflowError):
        raise EndsEarly from None
    return Directory(data, order, big, at, entries, link, following)


def pages(data: bytes) -> list[Page]:
    """All directories of pictures: the chain, each page followed by its SubIFDs. Raises EndsEarly and ImageUnreadable.

    ImageUnreadable where one is found twice, or there are too many: then the file never ends.
    """
    order, big, pointer = _layout(data)
    found: list[Page] = []
    seen: set[int] = set()
    budget = _MOST_ENTRIES_OF_ALL

    def read(pointer: int, number: int, sub: bool) -> Page | None:
        nonlocal budget
        at = _address(data, order, big, pointer)
        if at == 0 and pointer != (8 if big else 4):
            return None
        if at in seen and sub:  # listed, and linked by the one before it
            return None
        if at in seen:
            raise ImageUnreadable("TIFF: the directories go in a circle")
        seen.add(at)
        page = Page(directory(data, order, big, at), number, sub, pointer)
        found.append(page)
        budget -= (page.directory.end - at) // (20 if big else 12)
        if len(found) > _MOST_DIRECTORIES or budget < 0:
            raise ImageUnreadable("TIFF: too many directories")
        return page

    page = read(pointer, 0, False)
    while page:
        below = deque(_sub_pointers(page.directory))
        while below:
            sub = read(below.popleft(), page.number, True)
            if sub:
                below.extend((sub.directory.link, *_sub_pointers(sub.directory)))
        page = read(page.directory.link, page.number + 1, False)
    return found


def _sub_pointers(directory: Directory) -> Iterator[int]:
    entry = directory.entries.get(SUB_DIRECTORIES)
    if entry and entry.kind in UNSIGNED and SIZES[entry.kind] == (8 if directory.big else 4):
        if entry.count > _MOST_DIRECTORIES:
            raise ImageUnreadable("TIFF: too many directories")
        yield from range(entry.place, entry.place + entry.size, SIZES[entry.kind])


def _layout(data: bytes) -> tuple[Order, bool, int]:
    """Byte order, whether it is a BigTIFF, and where the first address stands."""
    order: Order = "<" if data[:2] == b"II" else ">"
    if len(data) < 4:
        raise EndsEarly
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    return order, big, 8 if big else 4


def _address(data: bytes, order: Order, big: bool, pointer: int) -> int:
    try:
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, pointer)
    except (struct.error, OverflowError):
        raise EndsEarly from None
    return int(at)
