"""Where the samples of a TIFF picture lie: strips, tiles and planes (TIFF 6.0, sections 3 and 15)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.errors import ImageTruncated, ImageUnreadable
from tasks.store.formats import tiff_directory as td
from tasks.store.formats.tiff_directory import Directory
from tasks.store.formats.tiff_kind import NONE, Kind

# An uncompressed strip is read in parts of about this many bytes: often the whole picture is one strip.
_PART = 1 << 20
# Pixels of a tile beyond those of the picture: more is an attack on memory.
_MOST_PADDING = 1 << 22


@dataclass(frozen=True)
class Chunk:
    """A strip, a tile, or some rows of an uncompressed strip: `size` bytes at `offset`, `rows` × `columns` as coded.

    Of these `height` × `width` are in the picture, from pixel (`y`, `x`) on. `index` is its place in the tables of
    offsets and sizes, `plane` its channel where planes are separate (else 0).
    """

    index: int
    plane: int
    y: int
    x: int
    height: int
    width: int
    rows: int
    columns: int
    offset: int
    size: int

    @property
    def box(self) -> tuple[slice, slice]:
        """The part of the picture."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


class Layout:
    """Geometry of a directory whose kind is supported.

    `depth` is the number of samples that lie together: all of a pixel, or one where planes are separate. `offsets` and
    `sizes` are the tables, sizes of uncompressed chunks as they must be. Raises EndsEarly, ImageUnreadable, and
    ImageTruncated where a table is too short.
    """

    def __init__(self, directory: Directory, kind: Kind) -> None:
        self.width, self.height = directory.integer(td.WIDTH, 0), directory.integer(td.HEIGHT, 0)
        self.compression = directory.integer(td.COMPRESSION, 1)
        self.tiled = td.TILE_OFFSETS in directory.entries
        self.offset_tag = td.TILE_OFFSETS if self.tiled else td.STRIP_OFFSETS
        self.size_tag = td.TILE_BYTES if self.tiled else td.STRIP_BYTES
        self.separate = directory.integer(td.PLANAR, 1) == 2 and kind.samples > 1
        self.depth = 1 if self.separate else kind.samples
        self._sample = kind.dtype.itemsize
        if self.tiled:
            self.rows, self.columns = directory.integer(td.TILE_HEIGHT, 0), directory.integer(td.TILE_WIDTH, 0)
        else:
            self.rows, self.columns = min(directory.integer(td.ROWS_PER_STRIP, self.height), self.height), self.width
        pixels = self.width * self.height
        if min(self.rows, self.columns, pixels) < 1 or self.rows * self.columns > 4 * pixels + _MOST_PADDING:
            raise ImageUnreadable(f"TIFF: chunks of {self.columns} × {self.rows} pixels")
        self.down, self.across = -(-self.height // self.rows), -(-self.width // self.columns)
        self.count = self.down * self.across * (kind.samples if self.separate else 1)
        self.offsets, self.sizes = directory.array(self.offset_tag), directory.array(self.size_tag)
        wanted = (self.offsets,) if self.compression == NONE and not len(self.sizes) else (self.offsets, self.sizes)
        if any(len(table) < self.count for table in wanted):
            raise ImageTruncated(f"TIFF: {min(map(len, wanted))} of {self.count} strips or tiles")
        if self.compression == NONE:
            self.sizes = self._raw_sizes(self.sizes)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of a chunk, decoded."""
        return self.columns * self.depth * self._sample

    @property
    def chunk_bytes(self) -> int:
        """Bytes of the largest chunk, decoded."""
        return self.rows * self.row_bytes

    def chunks(self, parts: bool = True) -> Iterator[Chunk]:
        """All chunks in the order of the tables; uncompressed strips in `parts`, or as they are."""
        for index in range(self.count):
            chunk = self._chunk(index)
            if not parts or self.tiled or self.compression != NONE or chunk.size < chunk.rows * self.row_bytes:
                yield chunk
                continue
            step = max(1, _PART // self.row_bytes)
            for top in range(0, chunk.rows, step):
                rows, offset = min(step, chunk.rows - top), chunk.offset + top * self.row_bytes
                part = (chunk.y + top, 0, rows, self.width, rows, self.width)
                yield Chunk(index, chunk.plane, *part, offset, rows * self.row_bytes)

    def touched(self, mask: NDArray[np.bool_], parts: bool = True) -> Iterator[Chunk]:
        """The chunks with a pixel of `mask` (H, W)."""
        bands: dict[tuple[int, int], NDArray[np.bool_]] = {}
        for chunk in self.chunks(parts):
            rows = (chunk.y, chunk.height)
            if rows not in bands:
                bands = {rows: np.asarray(mask[chunk.box[0]].any(axis=0))}
            if bands[rows][chunk.box[1]].any():
                yield chunk

    def _chunk(self, index: int) -> Chunk:
        plane, place = divmod(index, self.down * self.across)
        row, column = divmod(place, self.across)
        y, x = row * self.rows, column * self.columns
        height, width = min(self.rows, self.height - y), min(self.columns, self.width - x)
        rows = self.rows if self.tiled else height
        places = int(self.offsets[index]), int(self.sizes[index])
        return Chunk(index, plane, y, x, height, width, rows, self.columns, *places)

    def _raw_sizes(self, said: NDArray[np.int64]) -> NDArray[np.int64]:
        """What is needed where more is said: some writers count rows that are not there, and some say nothing."""
        needed = np.full(self.count, self.chunk_bytes, np.int64)
        if not self.tiled:
            needed[self.down - 1 :: self.down] = (self.height - (self.down - 1) * self.rows) * self.row_bytes
        return np.minimum(needed, said[: self.count]) if len(said) else needed
