"""Image file directories (TIFF 6.0, section 2), read from bytes that may hold anything."""

import struct
from dataclasses import dataclass

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I"}
_MOST_DIRECTORIES = 8
_MOST_VALUES = 1 << 16


@dataclass(frozen=True)
class Entry:
    """A tag: `count` values of type `kind`, from byte `values` on (inside the entry itself when they fit in 4 bytes)."""

    kind: int
    count: int
    values: int
    size: int


@dataclass(frozen=True)
class Directory:
    """Its table lies in bytes `start` to `end`; `link` is where the pointer to the `following` directory stands."""

    start: int
    end: int
    entries: dict[int, Entry]
    link: int
    following: int


class Structure:
    """A TIFF structure. Raises ValueError unless it begins as one."""

    def __init__(self, blob: bytes) -> None:
        if blob[:4] not in (b"II*\0", b"MM\0*") or len(blob) < 8:
            raise ValueError("not a TIFF structure")
        self.blob, self.order = blob, "<" if blob[:1] == b"I" else ">"

    def chain(self) -> list[Directory]:
        """The first directory and those that follow it, up to the first that cannot be read or was there before."""
        found: list[Directory] = []
        (at,) = struct.unpack_from(self.order + "I", self.blob, 4)
        while len(found) < _MOST_DIRECTORIES and at not in [d.start for d in found]:
            if not (directory := self.directory(at)):
                break
            found.append(directory)
            at = directory.following
        return found

    def directory(self, at: int) -> Directory | None:
        """The directory at byte `at`; None where no entry fits. The first of equal tags counts."""
        if not 8 <= at <= len(self.blob) - 2:
            return None
        (claimed,) = struct.unpack_from(self.order + "H", self.blob, at)
        count = min(claimed, (len(self.blob) - at - 2) // 12)
        if count == 0:
            return None
        entries: dict[int, Entry] = {}
        for start in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, number, offset = struct.unpack_from(self.order + "HHII", self.blob, start)
            size = _SIZES.get(kind, 0) * number
            values = start + 8 if size <= 4 else offset
            if values + size <= len(self.blob):
                entries.setdefault(tag, Entry(kind, number, values, size))
        link = at + 2 + 12 * count
        if count < claimed or link + 4 > len(self.blob):
            return Directory(at, link, entries, 0, 0)
        return Directory(at, link + 4, entries, link, *struct.unpack_from(self.order + "I", self.blob, link))

    def integers(self, directory: Directory, tag: int) -> tuple[int, ...]:
        """Values of a tag of bytes, shorts or longs; none where it is absent or of another type."""
        entry = directory.entries.get(tag)
        if not entry or entry.kind not in _INTEGERS or entry.count > _MOST_VALUES:
            return ()
        return struct.unpack_from(f"{self.order}{entry.count}{_INTEGERS[entry.kind]}", self.blob, entry.values)

    def integer(self, directory: Directory, tag: int, default: int = 0) -> int:
        """The first value of a tag."""
        return next(iter(self.integers(directory, tag)), default)

    def written(self, directory: Directory, tag: int, value: int) -> tuple[int, bytes]:
        """Where the first value of `tag` stands, and `value` as it is written there; no bytes where it has no place."""
        entry = directory.entries.get(tag)
        if not entry or not self.integers(directory, tag) or value >= 1 << 8 * _SIZES[entry.kind]:
            return 0, b""
        return entry.values, struct.pack(self.order + _INTEGERS[entry.kind], value)
