"""Palette pictures that stay palette pictures: a fill in the colours that are there, and in those there is room for."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.store.formats.dither import Numbers, diffuse, distance, nearest
from tasks.store.formats.halftone import halftoned

Bytes = NDArray[np.uint8]
Bool = NDArray[np.bool_]

# How far from the nearest entry (0–255) a colour of the fill may be and need none of its own: dithering does the rest.
_NEAR = 3.0
_SNAP = 1 / 32
_SAMPLES = 1 << 15  # pixels that a median cut looks at


@dataclass(frozen=True)
class Repainted:
    """A palette picture with a new fill: indices (H, W) uint8, table (K', C) uint8, which entries of it are new.

    `exact`: the fill shows just what was wanted.
    """

    indices: Bytes
    table: Bytes
    added: tuple[int, ...]
    exact: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the fill's colours."""
        dithered = "" if self.exact else "; the fill is dithered to its colours"
        if self.added:
            return (f"palette: {len(self.added)} colour{'s' if len(self.added) > 1 else ''} added{dithered}",)
        return (f"palette kept{dithered}",) if dithered else ()


def repaint(
    indices: Bytes,
    pixels: Bytes,
    mask: Bool,
    table: Bytes,
    alpha: bool = False,
    capacity: int = 256,
    reserved: Collection[int] = (),
) -> Repainted:
    """Give the masked pixels of a palette picture the entries that show `pixels` best.

    indices (H, W) uint8; mask (H, W) bool, True is the fill; pixels (H, W, C) and table (K, C) uint8, 1 ≤ K ≤ capacity;
    C is 1 or 3, one more with `alpha`. Other pixels keep their indices; entries that they use, or that are `reserved`,
    keep their colours. Colours that the fill needs go where the table has room: first beyond its end, up to `capacity`
    entries, then to entries that no pixel uses. The rest is dithered. A picture of two colours gets no third one, and is
    dithered only where it is a halftone. A pixel takes an entry of its own alpha, or of the nearest there is.
    """
    places = np.flatnonzero(mask)
    before, wanted = indices.reshape(-1)[places], pixels.reshape(-1, pixels.shape[2])[places]
    # Where the fill shows what was there, the entry stays, also one of several of the same colour.
    same = before < len(table)
    same[same] = (table[before[same]] == wanted[same]).all(axis=1)
    result = indices.copy()
    if same.all():
        return Repainted(result, table, (), exact=True)
    used = np.bincount(indices[~mask], minlength=256) > 0
    used[before[same]] = True
    snap = np.full(len(places), _SNAP, np.float32)
    if used.sum() == 2:
        snap[~halftoned(indices, mask)] = 0.5
        reserved, capacity = range(len(table)), len(table)
    used[list(reserved)] = True
    places, wanted, snap = places[~same], wanted[~same], snap[~same]
    if not alpha:  # from here on everything has alpha
        wanted, table = _opaque(wanted), _opaque(table)
    new, added = _grown(table, wanted, used, capacity)
    chosen = np.zeros(len(places), np.intp)
    for level in np.unique(wanted[:, -1]):
        mine = np.flatnonzero(wanted[:, -1] == level)
        entries = _entries(new, int(level))
        colours, asked = new[entries, :-1], wanted[mine, :-1]
        picks = (
            diffuse(asked, places[mine], mask.shape[1], colours, snap[mine]) if level else nearest(asked, colours)[0]
        )
        chosen[mine] = entries[picks]
    result.reshape(-1)[places] = chosen
    shown = new[chosen]
    exact = (shown == wanted).all(axis=1) | ((shown[:, -1] == 0) & (wanted[:, -1] == 0))
    return Repainted(result, new if alpha else new[:, :-1], added, bool(exact.all()))


def _opaque(colours: Bytes) -> Bytes:
    return np.pad(colours, ((0, 0), (0, 1)), constant_values=255)


def _entries(table: Bytes, level: int) -> Numbers:
    """The entries whose alpha is nearest to `level`."""
    off = np.abs(table[:, -1].astype(np.int16) - level)
    return np.flatnonzero(off == off.min())


def _grown(table: Bytes, wanted: Bytes, used: Bool, capacity: int) -> tuple[Bytes, tuple[int, ...]]:
    """The table (K, C + alpha) with colours for those `wanted` (n, C + alpha) that it lacks, and which entries they are."""
    whole, count = np.unique(np.ascontiguousarray(wanted).view(f"u{wanted.shape[1]}"), return_counts=True)
    kinds = whole.view(np.uint8).reshape(-1, wanted.shape[1])
    kept, lacking = used.copy(), np.ones(len(kinds), bool)
    for level in np.unique(kinds[:, -1]):
        mine, entries = np.flatnonzero(kinds[:, -1] == level), np.flatnonzero(table[:, -1] == level)
        if len(entries):
            best = entries[nearest(kinds[mine, :-1], table[entries, :-1])[0]]
            off = distance(kinds[mine, :-1], table[best, :-1])
            # What cannot be seen has any colour; one entry for it is enough.
            lacking[mine] = (off > _NEAR) & (level > 0)
            kept[best[~lacking[mine]]] = True
            kept[best[count[mine].argmax()]] = True  # some entry of this alpha has to stay
        elif level == 0:
            lacking[mine[1:]] = False
    # An index beyond the table's end, in a damaged file, shows black: it must not come to show anything else.
    end = next((n for n in range(len(table), capacity) if used[n]), capacity)
    room = [*range(len(table), end), *(n for n in range(len(table)) if not kept[n])]
    if not room or not lacking.any():
        return table, ()
    colours = _fewer(kinds[lacking], count[lacking], len(room))
    added = tuple(room[: len(colours)])
    grown = np.zeros((max(len(table), max(added) + 1), table.shape[1]), np.uint8)
    grown[: len(table)] = table
    grown[list(added)] = colours
    return grown, added


def _fewer(colours: Bytes, count: Numbers, most: int) -> Bytes:
    """At most `most` of the colours (n, C + alpha), or means of them; shared among levels of alpha by pixels."""
    if len(colours) <= most:
        return colours
    found: list[Bytes] = []
    levels, which = np.unique(colours[:, -1], return_inverse=True)
    weight = np.bincount(which, count)
    for number in np.argsort(-weight, kind="stable")[:most]:
        mine = which == number
        share = max(1, int(most * weight[number] / weight.sum()))
        step = int(count[mine].sum()) // _SAMPLES + 1
        sample = np.repeat(colours[mine, :-1], count[mine], axis=0)[::step]
        cut = Image.fromarray(np.ascontiguousarray(sample[None])).quantize(share, Image.Quantize.MEDIANCUT, kmeans=1)
        picked = np.array(cut.getpalette("RGB"), np.uint8).reshape(-1, 3)[np.unique(np.asarray(cut))]
        found.append(np.pad(picked, ((0, 0), (0, 1)), constant_values=levels[number]))
    return np.concatenate(found)[:most]
