"""A TIFF file that is being changed: bytes in place, chunks that fit no more, entries that go."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tasks.errors import ImageUnsupported
from tasks.store.formats.tiff_directory import SIZES, UNSIGNED, Directory, Page
from tasks.store.formats.tiff_layout import Chunk, Layout
from tasks.store.formats.tiff_map import FileMap, Piece
from tasks.store.formats.tiff_space import Space
from tasks.store.metadata.span import Span

_CLASSIC_END = (1 << 32) - 1
_LONG, _LONG8 = 4, 16
_TRAILERS = b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED"
# Share of the file that may stay free in its midst. If it would be more, untouched chunks move as well, and a chunk that is
# larger than this is not moved to the end as long as what lies behind it can be.
_WASTE = 0.1


@dataclass
class _Tables:
    """Offsets and sizes of a directory's chunks as they will be, by tag, and which of the two changed."""

    directory: Directory
    layout: Layout
    values: dict[int, NDArray[np.int64]]
    changed: set[int] = field(default_factory=set)

    def set(self, tag: int, index: int, value: int) -> None:
        if len(self.values[tag]) and self.values[tag][index] != value:
            self.values[tag][index] = value
            self.changed.add(tag)


@dataclass(frozen=True)
class _Homeless:
    """A chunk whose new bytes do not fit where the old ones were, and the number of that place."""

    tables: _Tables
    chunk: Chunk
    coded: bytes
    place: int

    def move(self, at: int) -> None:
        """Enter its new place."""
        layout = self.tables.layout
        self.tables.set(layout.offset_tag, self.chunk.index, at)
        self.tables.set(layout.size_tag, self.chunk.index, len(self.coded))


class Draft:
    """`original` with changes; all that is not changed stays byte for byte where it is. `pages`: all its directories.

    A chunk that fits its old place is written there, zeros behind it. Others go where others were, or to the end; what
    they leave is zeroed.
    """

    def __init__(self, original: bytes, pages: list[Page]) -> None:
        self._size, self._pages = len(original), pages
        self._file = io.BytesIO(original)  # shares the bytes until the first write, and copies them once
        self._map = FileMap(original, [page.directory for page in pages])
        self._tables: dict[int, _Tables] = {}
        self._homeless: list[_Homeless] = []
        # Files laid out for the cloud by GDAL repeat the last four bytes of each tile behind it.
        self._trailers = _TRAILERS in original[:512]
        self._removed: dict[int, tuple[Directory, set[int]]] = {}
        self._moved: list[tuple[Span, int]] = []

    def shares(self, directory: Directory, layout: Layout) -> bool:
        """Does a chunk of `directory` share bytes with anything else? Then none of them can be changed in parts."""
        return self._map.any_shared(directory, layout.offset_tag, layout.count)

    def read(self, at: int, size: int) -> bytes:
        """Bytes as they are now."""
        self._file.seek(at)
        return self._file.read(size)

    def write(self, at: int, data: bytes) -> None:
        """Replace bytes in place."""
        self._file.seek(at)
        self._file.write(data)

    def put(self, directory: Directory, layout: Layout, chunk: Chunk, coded: bytes) -> None:
        """A chunk's new bytes."""
        if directory.at not in self._tables:
            tags = layout.offset_tag, layout.size_tag
            self._tables[directory.at] = _Tables(directory, layout, {tag: directory.array(tag) for tag in tags})
        tables, place = self._tables[directory.at], self._map.chunk(directory, layout.offset_tag, chunk.index)
        if self._trailers and self.read(chunk.offset + chunk.size, 4) == self.read(chunk.offset + chunk.size - 4, 4):
            self.write(chunk.offset + chunk.size, bytes(4))
        if len(coded) > chunk.size or self._map.shared(place):
            self._homeless.append(_Homeless(tables, chunk, coded, place))
            return
        self.write(chunk.offset, coded.ljust(chunk.size, b"\0"))
        if len(coded) < chunk.size:
            tables.set(layout.size_tag, chunk.index, len(coded))

    def remove(self, directory: Directory, tag: int) -> None:
        """Drop an entry, and zero its values."""
        self._removed.setdefault(directory.at, (directory, set()))[1].add(tag)

    def finish(self) -> bytes:
        """The whole file. Raises ImageUnsupported where a classic TIFF would grow beyond 4 GiB."""
        if self._waste() > _WASTE * self._size:
            self._homeless += self._others()
        free = self._map.freed(self._gone())
        for start, end in free:
            self.write(start, bytes(end - start))
        space = Space(free, self._size)
        for homeless in self._largest_first():
            at = self._room(len(homeless.coded), space)
            self.write(at, homeless.coded)
            homeless.move(at)
        for tables in self._tables.values():
            for tag in sorted(tables.changed):
                self._write_values(tables.directory, tag, tables.values[tag], space)
        for directory, tags in self._removed.values():
            self._write_without(directory, tags)
        if space.end > _CLASSIC_END and not self._pages[0].directory.big:
            raise ImageUnsupported("TIFF: the file would grow beyond 4 GiB, and it is no BigTIFF")
        self._file.truncate(space.end)
        return self._file.getvalue()

    def _gone(self) -> list[int]:
        """Numbers of the spans that are needed no more."""
        values = (self._map.values(d, tag) for d, tags in self._removed.values() for tag in tags)
        return [*(homeless.place for homeless in self._homeless), *(n for n in values if n is not None)]

    def _largest_first(self) -> list[_Homeless]:
        """So that each finds the place of one that was a little larger."""
        return sorted(self._homeless, key=lambda h: (-len(h.coded), h.chunk.offset))

    def _waste(self) -> int:
        """Bytes that would stay free if nothing but the homeless chunks moved."""
        space = Space(self._map.freed(self._gone()), self._size)
        for homeless in self._largest_first():
            if space.take(len(homeless.coded)) is None:
                space.append(len(homeless.coded))
        return sum(end - start for start, end in space.spans)

    def _others(self) -> Iterator[_Homeless]:
        """All other chunks of the pictures that change, as they are now: together they fill what is free."""
        places = {homeless.place for homeless in self._homeless}
        for tables in self._tables.values():
            layout = tables.layout
            sizes = tables.values[layout.size_tag]
            for chunk in layout.chunks(parts=False):
                place = self._map.chunk(tables.directory, layout.offset_tag, chunk.index)
                if place not in places and not self._map.shared(place):
                    size = min(int(sizes[chunk.index]), chunk.size) if len(sizes) else chunk.size
                    yield _Homeless(tables, chunk, self.read(chunk.offset, size), place)

    def _room(self, size: int, space: Space) -> int:
        """Where `size` bytes may go."""
        at = space.take(size)
        # Where the file's last bytes are free, its end is as good a place as any.
        if at is None and space.end == self._size and size > _WASTE * self._size:
            at = self._widened(size, space)
        return space.append(size) if at is None else at

    def _widened(self, size: int, space: Space) -> int | None:
        """A free span made `size` long: tables and values behind it, if they are few, go to the end of the file."""
        for start, free_end in space.spans:
            end = free_end
            behind: list[Piece] = []
            while end - start < size and (piece := self._movable(end)):
                behind.append(piece)
                end = piece.span[1]
            fits = end - start >= size or end == self._size
            if fits and end - free_end <= _WASTE * self._size:
                kept = [(piece, self.read(piece.span[0], piece.span[1] - piece.span[0])) for piece in behind]
                self.write(free_end, bytes(end - free_end))
                space.widen((start, free_end), end, size)
                for piece, data in kept:
                    self._move(piece, data, space)
                return start
        return None

    def _movable(self, at: int) -> Piece | None:
        piece = self._map.behind(at)
        return piece if piece and self._map.padding(at, piece.span[0]) else None

    def _move(self, piece: Piece, data: bytes, space: Space) -> None:
        page = next(page for page in self._pages if page.directory.at == piece.owner)
        directory = page.directory
        pointer = page.pointer if piece.tag < 0 else directory.entries[piece.tag].at + directory.inline + 4
        at = space.append(len(data))
        self.write(at, data)
        self._moved.append((piece.span, at))
        self.write(self._now(pointer), struct.pack(directory.order + ("Q" if directory.big else "I"), at))

    def _now(self, position: int) -> int:
        """Where a byte of a table or of values is now."""
        for (start, end), at in self._moved:
            if start <= position < end:
                return at + position - start
        return position

    def _write_values(self, directory: Directory, tag: int, values: NDArray[np.int64], space: Space) -> None:
        entry, order = directory.entries[tag], directory.order
        kind = entry.kind
        if int(values.max()) >> 8 * SIZES[kind]:
            kind = _LONG8 if directory.big else _LONG
        raw = values.astype(order + UNSIGNED[kind]).tobytes()
        if kind == entry.kind:
            self.write(self._now(entry.place), raw)
            return
        if len(raw) > directory.inline:
            at = space.append(len(raw))
            self.write(at, raw)
            raw = struct.pack(order + ("Q" if directory.big else "I"), at)
        self.write(self._now(entry.at) + 2, struct.pack(order + "H", kind))
        self.write(self._now(entry.at) + directory.inline + 4, raw.ljust(directory.inline, b"\0"))

    def _write_without(self, directory: Directory, tags: set[int]) -> None:
        """The table in its place, shorter by some entries."""
        at = self._now(directory.at)
        table = self.read(at, directory.end - directory.at)
        head, size = (8, 20) if directory.big else (2, 12)
        entries = [table[i : i + size] for i in range(head, len(table) - directory.inline, size)]
        kept = [entry for entry in entries if struct.unpack_from(directory.order + "H", entry)[0] not in tags]
        count = struct.pack(directory.order + ("Q" if directory.big else "H"), len(kept))
        shorter = b"".join((count, *kept, table[-directory.inline :]))
        self.write(at, shorter.ljust(len(table), b"\0"))
