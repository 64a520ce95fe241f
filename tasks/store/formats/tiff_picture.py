"""The picture of one TIFF directory: decoded as a whole, and replaced where a mask touches it."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.errors import ImageTruncated, ImageUnreadable
from tasks.store.formats import tiff_directory as td
from tasks.store.formats.palette import repaint
from tasks.store.formats.tiff_codec import pack, predict, unpack, unpredict
from tasks.store.formats.tiff_directory import Directory
from tasks.store.formats.tiff_draft import Draft
from tasks.store.formats.tiff_kind import kind_of
from tasks.store.formats.tiff_layout import Chunk, Layout

Samples = NDArray[np.generic]
Mask = NDArray[np.bool_]

# Small chunks are decompressed together until they are about this many bytes.
_BATCH = 1 << 22


class Picture:
    """Of a directory for which `tiff_kind.reason` finds nothing to say. Raises as `Layout` does."""

    def __init__(self, directory: Directory) -> None:
        self.directory, self.kind = directory, kind_of(directory)
        self.layout = Layout(directory, self.kind)
        self._dtype = self.kind.dtype.newbyteorder(directory.order)
        self._predictor = directory.integer(td.PREDICTOR, 1)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.layout.height, self.layout.width

    def decode(self) -> Samples:
        """(H, W, C) as seen: white is the highest value, palettes are their colours, alpha last.

        Raises ImageTruncated and ImageUnreadable.
        """
        return self._as_seen(self.stored())

    def stored(self) -> Samples:
        """(H, W, samples) as the file holds them, in this machine's byte order. Raises as `decode` does."""
        pixels = np.empty((*self.size, self.kind.samples), self.kind.dtype)
        for chunk, samples in self._decoded(self.layout.chunks()):
            channels = slice(chunk.plane, chunk.plane + self.layout.depth)
            pixels[(*chunk.box, channels)] = samples[: chunk.height, : chunk.width]
        return pixels

    def sampled(self, step: int) -> Samples:
        """Every `step`th pixel down and across, as seen, (⌈H/step⌉, ⌈W/step⌉, C). Raises as `decode` does."""
        height, width = (-(-side // step) for side in self.size)
        pixels = np.empty((height, width, self.kind.samples), self.kind.dtype)
        for chunk, samples in self._decoded(self.layout.chunks()):
            top, left = -(-chunk.y // step), -(-chunk.x // step)
            part = samples[top * step - chunk.y : chunk.height : step, left * step - chunk.x : chunk.width : step]
            channels = slice(chunk.plane, chunk.plane + self.layout.depth)
            pixels[top : top + part.shape[0], left : left + part.shape[1], channels] = part
        return self._as_seen(pixels)

    def like(self, pixels: Samples, where: Mask) -> bool:
        """Are the samples where `where` (H, W) those of `pixels` (H, W, C), as seen? Ends with the first that is not."""
        for chunk, samples in self._decoded(self.layout.chunks()):
            inside = samples[: chunk.height, : chunk.width].astype(self.kind.dtype)
            wanted = pixels[chunk.box]
            if self.kind.palette:
                same = (self._table()[inside[:, :, 0]] == wanted).all(axis=2)
            else:
                unmasked = np.zeros(wanted.shape[:2], bool)
                same = (_bits(inside) == _bits(self._as_stored(wanted, unmasked, chunk.plane))).all(axis=2)
            if not same[where[chunk.box]].all():
                return False
        return True

    def rewrite(self, draft: Draft, pixels: Samples, mask: Mask) -> tuple[bool, tuple[str, ...]]:
        """Put the masked part of `pixels` (H, W, C), as seen, into the file. Returns whether it differs, and notes.

        Raises ImageUnreadable where the rest of a touched chunk is not what `pixels` says: then the file is not
        understood, and nothing may be written.
        """
        if not self.kind.palette:
            return self._replace(draft, pixels, mask), ()
        before, table = self.stored().astype(np.uint8), self._table()
        if (self._table()[before[:, :, 0]] != pixels)[~mask].any():
            raise ImageUnreadable("TIFF: the palette's colours are not those of the picture")
        done = repaint(before[:, :, 0], pixels.astype(np.uint8), mask, table, reserved=range(len(table)))
        return self._replace(draft, done.indices[:, :, None], mask), done.notes

    def _replace(self, draft: Draft, pixels: Samples, mask: Mask) -> bool:
        changed = False
        layout = self.layout
        for chunk in layout.touched(mask, parts=not draft.shares(self.directory, layout)):
            ((_, old),) = self._decoded([chunk])
            samples = old.astype(self.kind.dtype)
            inside, hole = samples[: chunk.height, : chunk.width], mask[chunk.box]
            wanted = self._as_stored(pixels[chunk.box], hole, chunk.plane)
            differs = (_bits(inside) != _bits(wanted)).any(axis=2)
            if differs[~hole].any():
                raise ImageUnreadable("TIFF: a strip or tile does not decode to the picture")
            if not differs.any():
                continue
            inside[hole] = wanted[hole]
            raw = predict(samples, self._dtype, self._predictor)
            coded = pack(raw, layout.compression, layout.row_bytes, self._dtype.itemsize, chunk.size)
            draft.put(self.directory, layout, chunk, coded)
            changed = True
        return changed

    def _as_seen(self, pixels: Samples) -> Samples:
        """(h, w, samples) as stored -> (h, w, C); may change what it gets."""
        if self.kind.palette:
            return np.asarray(self._table()[pixels[:, :, 0]])
        if self.kind.inverted:
            np.subtract(np.iinfo(str(pixels.dtype)).max, pixels[:, :, 0], out=pixels[:, :, 0])
        return pixels

    def _as_stored(self, pixels: Samples, hole: Mask, plane: int) -> Samples:
        """(h, w, C) as seen -> (h, w, samples of the chunk) as stored."""
        if self.kind.associated:
            pixels = pixels.copy()
            colours = pixels[:, :, :-1]
            # fmin: an alpha that is no number bounds nothing.
            np.copyto(colours, np.fmin(colours, pixels[:, :, -1:]), where=hole[:, :, None])
        pixels = pixels[:, :, plane : plane + self.layout.depth]
        if self.kind.inverted and plane == 0:
            pixels = pixels.copy()
            np.subtract(np.iinfo(str(pixels.dtype)).max, pixels[:, :, 0], out=pixels[:, :, 0])
        return pixels

    def _decoded(self, chunks: Iterator[Chunk] | Sequence[Chunk]) -> Iterator[tuple[Chunk, Samples]]:
        """Chunks and their samples (rows, columns, samples), read-only, in either byte order."""
        layout, data = self.layout, memoryview(self.directory.data)
        for batch in self._batches(chunks):
            for chunk in batch:
                if not (0 <= chunk.offset <= len(data) - chunk.size and chunk.size > 0):
                    raise ImageTruncated("TIFF: a strip or tile is missing")
            blobs = [data[chunk.offset : chunk.offset + chunk.size] for chunk in batch]
            raws = unpack(blobs, layout.compression, layout.row_bytes, [chunk.rows for chunk in batch])
            for chunk, raw in zip(batch, raws, strict=True):
                shape = (chunk.rows, chunk.columns, layout.depth)
                yield chunk, unpredict(raw, shape, self._dtype, self._predictor)

    def _batches(self, chunks: Iterator[Chunk] | Sequence[Chunk]) -> Iterator[list[Chunk]]:
        batch: list[Chunk] = []
        most = max(1, _BATCH // self.layout.chunk_bytes)
        for chunk in chunks:
            batch.append(chunk)
            if len(batch) >= most or chunk.rows < self.layout.rows:
                yield batch
                batch = []
        if batch:
            yield batch

    def _table(self) -> NDArray[np.uint8]:
        """The palette (256, 3) uint8. Writers that give 8-bit values where 16 are asked for are taken at their word."""
        table = self.directory.array(td.COLOUR_MAP).reshape(3, -1).T
        return (table if table.max() < 256 else table >> 8).astype(np.uint8)


def _bits(values: Samples) -> NDArray[np.unsignedinteger]:
    """Floats as the integers that their bits are: so a NaN equals itself."""
    return values.view(f"u{values.dtype.itemsize}")
